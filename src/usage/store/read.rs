//! Reading: records in the order of time; records and objects in the order of commits.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::{LedgerRow, Period, UsageStore};
use crate::database::{Database, DatabaseError, on_either};

/// How far a reader that follows the ledger has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The transaction of the last record that was read; 0 in a file.
    transaction: i64,
    /// Its `seq`.
    seq: i64,
}

impl Position {
    /// After a `seq` of a file.
    pub const fn in_file(seq: i64) -> Self {
        Self {
            transaction: 0,
            seq,
        }
    }

    /// The `seq` of the last record that was read.
    pub const fn seq(self) -> i64 {
        self.seq
    }
}

impl UsageStore {
    /// Records of a period by their ids, so by time, after one id: the next page.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(
        &self,
        period: Period,
        after: Option<&[u8]>,
        limit: i64,
    ) -> Result<Vec<LedgerRow>, DatabaseError> {
        const PAGE: &str = "SELECT * FROM usage_records \
             WHERE id >= $1 AND id < $2 AND id > $3 ORDER BY id LIMIT $4";
        let (from, to) = period.ids();
        let after = after.unwrap_or_default().to_vec();
        Ok(on_either!(&self.database, pool => {
            sqlx::query_as(PAGE).bind(from).bind(to).bind(after).bind(limit).fetch_all(pool).await?
        }))
    }

    /// Records after a position, in the order of commits, and the position after them. A server's
    /// transactions end in another order than they began: what an open one may still write comes
    /// later, and nothing is passed over.
    ///
    /// # Errors
    /// The database's.
    pub async fn follow(
        &self,
        after: Position,
        limit: i64,
    ) -> Result<(Vec<LedgerRow>, Position), DatabaseError> {
        self.follow_table("usage_records", after, limit).await
    }

    /// Rows of a table that has a `seq`, and `written_by` in a server, as [`Self::follow`] gives them.
    pub(super) async fn follow_table<R>(
        &self,
        table: &'static str,
        after: Position,
        limit: i64,
    ) -> Result<(Vec<R>, Position), DatabaseError>
    where
        R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        match &self.database {
            Database::Sqlite(pool) => {
                let next = format!("SELECT * FROM {table} WHERE seq > $1 ORDER BY seq LIMIT $2");
                let query = sqlx::query(AssertSqlSafe(next)).bind(after.seq);
                let rows = query.bind(limit).fetch_all(pool).await?;
                let seq = rows.last().map(|row| row.try_get("seq")).transpose()?;
                let read = rows.iter().map(R::from_row).collect::<Result<_, _>>()?;
                Ok((read, Position::in_file(seq.unwrap_or(after.seq))))
            }
            Database::Postgres(pool) => {
                let next = format!(
                    "SELECT *, CAST(CAST(written_by AS TEXT) AS BIGINT) AS transaction \
                     FROM {table} \
                     WHERE (written_by, seq) > (CAST(CAST($1 AS TEXT) AS XID8), $2) \
                     AND written_by < pg_snapshot_xmin(pg_current_snapshot()) \
                     ORDER BY written_by, seq LIMIT $3"
                );
                let query = sqlx::query(AssertSqlSafe(next)).bind(after.transaction.to_string());
                let rows = query.bind(after.seq).bind(limit).fetch_all(pool).await?;
                let position = match rows.last() {
                    Some(row) => Position {
                        transaction: row.try_get("transaction")?,
                        seq: row.try_get("seq")?,
                    },
                    None => after,
                };
                let read = rows.iter().map(R::from_row).collect::<Result<_, _>>()?;
                Ok((read, position))
            }
        }
    }

    /// Where a reader begins that wants only what is still to come.
    ///
    /// # Errors
    /// The database's.
    pub async fn end(&self) -> Result<Position, DatabaseError> {
        match &self.database {
            Database::Sqlite(pool) => {
                let last = "SELECT COALESCE(MAX(seq), 0) FROM usage_records";
                let seq = sqlx::query_scalar(last).fetch_one(pool).await?;
                Ok(Position::in_file(seq))
            }
            Database::Postgres(pool) => {
                let next =
                    "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)";
                let next: i64 = sqlx::query_scalar(next).fetch_one(pool).await?;
                Ok(Position {
                    transaction: next - 1,
                    seq: i64::MAX,
                })
            }
        }
    }

    /// The last `seq`, and how far the records have been copied to a destination.
    ///
    /// # Errors
    /// The database's.
    pub async fn outbox(&self, destination: &str) -> Result<(i64, i64), DatabaseError> {
        const LAST: &str = "SELECT COALESCE(MAX(seq), 0) FROM usage_records";
        const COPIED: &str = "SELECT seq FROM outbox WHERE destination = $1";
        Ok(on_either!(&self.database, pool => {
            let last = sqlx::query_scalar(LAST).fetch_one(pool).await?;
            let copied: Option<i64> =
                sqlx::query_scalar(COPIED).bind(destination).fetch_optional(pool).await?;
            (last, copied.unwrap_or(0))
        }))
    }

    /// Remembers how far the records have been copied.
    ///
    /// # Errors
    /// The database's.
    pub async fn copied(&self, destination: &str, seq: i64) -> Result<(), DatabaseError> {
        const COPIED: &str = "INSERT INTO outbox (destination, seq) VALUES ($1, $2) \
             ON CONFLICT (destination) DO UPDATE SET seq = excluded.seq";
        on_either!(&self.database, pool => {
            sqlx::query(COPIED).bind(destination).bind(seq).execute(pool).await?;
        });
        Ok(())
    }
}
