//! Writing: many records in one transaction, with their sums and with what their requests have made.

use std::sync::LazyLock;

use sqlx::{AssertSqlSafe, Connection, PgPool, SqliteConnection, SqlitePool};

use super::columns::Columns;
use super::key_uses::{self, KeyUse};
use super::rollup::{self, Sign};
use super::{LedgerRow, ObjectRow, UsageStore, objects};
use crate::database::{Database, DatabaseError};

/// Rows of one statement, the most first: a few sizes, so that each statement is prepared once.
const CHUNKS: [usize; 3] = [64, 8, 1];

/// A statement for each size of a chunk.
type Statements = [String; CHUNKS.len()];

/// How the places of values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Places {
    /// `?`: SQLite looks for the name of each numbered one among all others when it is bound.
    Plain,
    /// `$1`, as PostgreSQL wants them.
    Numbered,
}

/// The statements that one text makes of the columns and the places of their values.
fn statements<R: Columns>(places: Places, text: impl Fn(&str, &str) -> String) -> Statements {
    let columns = R::NAMES.join(", ");
    CHUNKS.map(|rows| {
        let mut number = 0;
        let mut place = || {
            number += 1;
            match places {
                Places::Plain => "?".to_owned(),
                Places::Numbered => format!("${number}"),
            }
        };
        let mut tuple = || {
            let places: Vec<_> = R::NAMES.iter().map(|_| place()).collect();
            format!("({})", places.join(", "))
        };
        let tuples: Vec<_> = (0..rows).map(|_| tuple()).collect();
        text(&columns, &tuples.join(", "))
    })
}

fn insert(columns: &str, values: &str) -> String {
    format!("INSERT INTO usage_records ({columns}) VALUES {values}")
}

/// SQLite's, which sums up afterwards. A record that is there already is passed over: the lines of a
/// batch come again after a crash.
static RECORDS: LazyLock<Statements> = LazyLock::new(|| {
    statements::<LedgerRow>(Places::Plain, |columns, values| {
        format!("{} ON CONFLICT DO NOTHING", insert(columns, values))
    })
});

/// PostgreSQL's, which sums up what was new of it at once. What is there already is passed over: a
/// record that comes again, and a response that another replica has counted.
static SHARED_RECORDS: LazyLock<Statements> = LazyLock::new(|| {
    let sums = rollup::statement("inserted", Sign::Plus);
    statements::<LedgerRow>(Places::Numbered, |columns, values| {
        let insert = insert(columns, values);
        format!("WITH inserted AS ({insert} ON CONFLICT DO NOTHING RETURNING *) {sums}")
    })
});

static OBJECTS: LazyLock<Statements> =
    LazyLock::new(|| statements::<ObjectRow>(Places::Plain, objects::replace));

static SHARED_OBJECTS: LazyLock<Statements> =
    LazyLock::new(|| statements::<ObjectRow>(Places::Numbered, objects::merge));

static KEY_USES: LazyLock<Statements> =
    LazyLock::new(|| statements::<KeyUse>(Places::Plain, key_uses::put));

static SHARED_KEY_USES: LazyLock<Statements> =
    LazyLock::new(|| statements::<KeyUse>(Places::Numbered, key_uses::put));

static SUMS: LazyLock<String> =
    LazyLock::new(|| rollup::statement("usage_records WHERE seq > $1", Sign::Plus));

impl UsageStore {
    /// Writes records and their sums, all or none, as [`Self::write`] does.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn insert(&self, records: &[LedgerRow]) -> Result<i64, DatabaseError> {
        self.write(records, &[]).await
    }

    /// Writes records, their sums, and objects, all or none; gives the `seq` of the last record.
    ///
    /// Each id is taken once, and passed over when it comes again. No object is written twice in one
    /// call to a server.
    ///
    /// # Errors
    /// The database's. After one the rows may have been written all the same, all of them.
    pub async fn write(
        &self,
        records: &[LedgerRow],
        objects: &[ObjectRow],
    ) -> Result<i64, DatabaseError> {
        match &self.database {
            Database::Sqlite(pool) => insert_sqlite(pool, records, objects).await,
            Database::Postgres(pool) => insert_postgres(pool, records, objects).await,
        }
    }
}

async fn insert_sqlite(
    pool: &SqlitePool,
    records: &[LedgerRow],
    objects: &[ObjectRow],
) -> Result<i64, DatabaseError> {
    let (records, objects): (Vec<_>, Vec<_>) = (records.iter().collect(), objects.iter().collect());
    in_one(pool, async |connection| {
        write_sqlite(connection, &records, &objects).await
    })
    .await
}

/// Does something in one transaction of a file.
pub(super) async fn in_one<T>(
    pool: &SqlitePool,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
) -> Result<T, DatabaseError> {
    let mut connection = pool.acquire().await?;
    let done = async {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let done = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(done)
    };
    let done = done.await;
    if done.is_err() {
        // A full disk ends SQLite's transaction, which sqlx does not hear of: the connection would
        // refuse to begin another one. A new one is opened at the next attempt.
        let _ = connection.close().await;
    }
    done
}

/// Writes rows and their sums in a transaction; gives the `seq` of the last record.
pub(super) async fn write_sqlite(
    connection: &mut SqliteConnection,
    records: &[&LedgerRow],
    objects: &[&ObjectRow],
) -> Result<i64, sqlx::Error> {
    let last = "SELECT COALESCE(MAX(seq), 0) FROM usage_records";
    let before: i64 = sqlx::query_scalar(last).fetch_one(&mut *connection).await?;
    rows_sqlite(connection, &RECORDS, records).await?;
    sqlx::query(AssertSqlSafe(SUMS.as_str()))
        .bind(before)
        .execute(&mut *connection)
        .await?;
    let uses = KeyUse::among(records.iter().copied());
    rows_sqlite(connection, &KEY_USES, &uses.iter().collect::<Vec<_>>()).await?;
    rows_sqlite(connection, &OBJECTS, objects).await?;
    sqlx::query_scalar(last).fetch_one(&mut *connection).await
}

async fn rows_sqlite<R: Columns>(
    connection: &mut SqliteConnection,
    statements: &'static Statements,
    rows: &[&R],
) -> Result<(), sqlx::Error> {
    for (statement, chunk) in chunks(statements, rows) {
        let query = sqlx::query(AssertSqlSafe(statement));
        let query = chunk
            .iter()
            .fold(query, |query, row| row.bind_sqlite(query));
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_postgres(
    pool: &PgPool,
    records: &[LedgerRow],
    objects: &[ObjectRow],
) -> Result<i64, DatabaseError> {
    let mut transaction = pool.begin().await?;
    rows_postgres(&mut transaction, &SHARED_RECORDS, records).await?;
    let uses = KeyUse::among(records);
    rows_postgres(&mut transaction, &SHARED_KEY_USES, &uses).await?;
    // In one order, so that replicas that write the same objects don't wait for each other in turn.
    let mut objects: Vec<_> = objects.to_vec();
    objects.sort_unstable_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    rows_postgres(&mut transaction, &SHARED_OBJECTS, &objects).await?;
    transaction.commit().await?;
    Ok(0)
}

async fn rows_postgres<R: Columns>(
    connection: &mut sqlx::PgConnection,
    statements: &'static Statements,
    rows: &[R],
) -> Result<(), DatabaseError> {
    for (statement, chunk) in chunks(statements, rows) {
        let query = sqlx::query(AssertSqlSafe(statement));
        let query = chunk
            .iter()
            .fold(query, |query, row| row.bind_postgres(query));
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The rows in chunks, each with its statement.
fn chunks<'a, R>(
    statements: &'static Statements,
    mut rows: &'a [R],
) -> Vec<(&'static str, &'a [R])> {
    let mut chunks = Vec::new();
    for (size, statement) in CHUNKS.into_iter().zip(statements) {
        while let Some((chunk, rest)) = rows.split_at_checked(size) {
            chunks.push((statement.as_str(), chunk));
            rows = rest;
        }
    }
    chunks
}
