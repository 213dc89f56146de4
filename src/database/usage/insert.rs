//! Writing records: many in one transaction, with their sums.

use std::sync::LazyLock;

use sqlx::{AssertSqlSafe, Connection, PgPool, SqliteConnection, SqlitePool};

use super::rollup::{self, Sign};
use super::row::COLUMNS;
use super::{LedgerRow, UsageStore};
use crate::database::{Database, DatabaseError};

/// Rows of one statement, the most first: a few sizes, so that each statement is prepared once.
const CHUNKS: [usize; 3] = [64, 8, 1];

/// The `INSERT` of so many rows.
fn values(rows: usize) -> String {
    let mut number = 0..;
    let mut tuple = || {
        let places: Vec<_> = COLUMNS
            .iter()
            .filter_map(|_| number.next().map(|it: usize| format!("${}", it + 1)))
            .collect();
        format!("({})", places.join(", "))
    };
    let tuples: Vec<_> = (0..rows).map(|_| tuple()).collect();
    format!(
        "INSERT INTO usage_records ({}) VALUES {}",
        COLUMNS.join(", "),
        tuples.join(", ")
    )
}

/// The statements of each chunk: SQLite's, which sums up afterwards, and PostgreSQL's, which sums up
/// what was new of it at once.
static STATEMENTS: LazyLock<[(String, String); 3]> = LazyLock::new(|| {
    CHUNKS.map(|rows| {
        let insert = values(rows);
        let sums = rollup::statement("inserted", Sign::Plus);
        let shared =
            format!("WITH inserted AS ({insert} ON CONFLICT (id) DO NOTHING RETURNING *) {sums}");
        (insert, shared)
    })
});

static SUMS: LazyLock<String> =
    LazyLock::new(|| rollup::statement("usage_records WHERE seq > $1", Sign::Plus));

impl UsageStore {
    /// Writes rows and their sums, all or none; gives the `seq` of the last.
    ///
    /// In a file a row that is there already is an error: its writer is the only one. A server takes
    /// each id once and passes over it when it comes again.
    ///
    /// # Errors
    /// The database's. After one the rows may have been written all the same, all of them.
    pub async fn insert(&self, rows: &[LedgerRow]) -> Result<i64, DatabaseError> {
        match &self.0 {
            Database::Sqlite(pool) => insert_sqlite(pool, rows).await,
            Database::Postgres(pool) => insert_postgres(pool, rows).await,
        }
    }

    /// Whether a record is there.
    ///
    /// # Errors
    /// The database's.
    pub async fn contains(&self, row: &LedgerRow) -> Result<bool, DatabaseError> {
        const FIND: &str = "SELECT COUNT(*) FROM usage_records WHERE id = $1";
        let count: i64 = crate::database::on_either!(&self.0, pool => {
            sqlx::query_scalar(FIND).bind(row.id.clone()).fetch_one(pool).await?
        });
        Ok(count > 0)
    }
}

async fn insert_sqlite(pool: &SqlitePool, rows: &[LedgerRow]) -> Result<i64, DatabaseError> {
    let mut connection = pool.acquire().await?;
    let written = write_sqlite(&mut connection, rows).await;
    if written.is_err() {
        // A full disk ends SQLite's transaction, which sqlx does not hear of: the connection would
        // refuse to begin another one. A new one is opened at the next attempt.
        let _ = connection.close().await;
    }
    written
}

async fn write_sqlite(
    connection: &mut SqliteConnection,
    rows: &[LedgerRow],
) -> Result<i64, DatabaseError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let last = "SELECT COALESCE(MAX(seq), 0) FROM usage_records";
    let before: i64 = sqlx::query_scalar(last)
        .fetch_one(&mut *transaction)
        .await?;
    for (statement, chunk) in chunks(rows) {
        let query = sqlx::query(AssertSqlSafe(statement.0.as_str()));
        let query = chunk
            .iter()
            .fold(query, |query, row| row.bind_sqlite(query));
        query.execute(&mut *transaction).await?;
    }
    sqlx::query(AssertSqlSafe(SUMS.as_str()))
        .bind(before)
        .execute(&mut *transaction)
        .await?;
    let after: i64 = sqlx::query_scalar(last)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(after)
}

async fn insert_postgres(pool: &PgPool, rows: &[LedgerRow]) -> Result<i64, DatabaseError> {
    let mut transaction = pool.begin().await?;
    for (statement, chunk) in chunks(rows) {
        let query = sqlx::query(AssertSqlSafe(statement.1.as_str()));
        let query = chunk
            .iter()
            .fold(query, |query, row| row.bind_postgres(query));
        query.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(0)
}

/// The rows in chunks, each with its statements.
fn chunks(mut rows: &[LedgerRow]) -> Vec<(&'static (String, String), &[LedgerRow])> {
    let mut chunks = Vec::new();
    for (size, statement) in CHUNKS.into_iter().zip(STATEMENTS.iter()) {
        while let Some((chunk, rest)) = rows.split_at_checked(size) {
            chunks.push((statement, chunk));
            rows = rest;
        }
    }
    chunks
}
