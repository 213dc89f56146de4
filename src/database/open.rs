//! Opening: files, connections, limits, migrations.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Database as Kind, Executor, Postgres};

use super::postgres::PostgresUrl;
use super::{Database, DatabaseError, Purpose, Synchronous};

/// How long to wait for a connection: a server that is away must not hold up a caller.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another writer of the same file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Who may read the file, and the folder where we make it: this user only.
pub(super) const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

fn pool<DB: Kind>(purpose: Purpose) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(purpose.max_connections)
        .acquire_timeout(CONNECT_TIMEOUT)
}

pub(super) async fn sqlite(
    file: &Path,
    synchronous: Synchronous,
    purpose: Purpose,
) -> Result<Database, DatabaseError> {
    let name = file.display().to_string();
    make_private(file).map_err(|error| failed_open(&name, sqlx::Error::Io(error)))?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        })
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging();
    let pool = pool(purpose)
        .connect_with(options)
        .await
        .map_err(|error| failed_open(&name, error))?;
    let migrated = purpose.migrator().run(&pool).await;
    migrated.map_err(|error| failed_migration(&name, error))?;
    Ok(Database::Sqlite(pool))
}

pub(super) async fn postgres(
    url: &PostgresUrl,
    purpose: Purpose,
) -> Result<Database, DatabaseError> {
    let name = url.to_string();
    let timeout_ms = purpose.statement_timeout.as_millis();
    let pool = pool::<Postgres>(purpose)
        .after_connect(move |connection, _| {
            // Notices of the migrations would fill the log.
            let settings = format!(
                "SET statement_timeout = {timeout_ms}; \
                 SET idle_in_transaction_session_timeout = {timeout_ms}; \
                 SET client_min_messages = warning"
            );
            Box::pin(async move {
                connection
                    .execute(AssertSqlSafe(settings))
                    .await
                    .map(|_| ())
            })
        })
        .connect_with(url.options().disable_statement_logging())
        .await
        .map_err(|error| failed_open(&name, error))?;
    let migrated = purpose.migrator().run(&pool).await;
    if let Err(error) = migrated {
        // Its connection may hold the lock of the migrations.
        pool.close().await;
        return Err(failed_migration(&name, error));
    }
    Ok(Database::Postgres(pool))
}

/// Whether a server takes this user, and may be written to; nothing in it is changed.
pub(super) async fn is_writable(url: &PostgresUrl) -> Result<bool, DatabaseError> {
    let name = url.to_string();
    let failed = |error| failed_open(&name, error);
    let options = url.options().disable_statement_logging();
    let mut connection = options.connect().await.map_err(failed)?;
    let read_only: String = sqlx::query_scalar("SHOW transaction_read_only")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(read_only == "off")
}

/// SQLite gives the files next to it (`-wal`, `-shm`) the permissions of this one.
fn make_private(file: &Path) -> io::Result<()> {
    if let Some(directory) = file.parent().filter(|it| !it.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(file)
        .map(|_| ())
}

fn failed_open(name: &str, source: sqlx::Error) -> DatabaseError {
    DatabaseError::Open {
        database: name.to_owned(),
        source,
    }
}

fn failed_migration(name: &str, source: MigrateError) -> DatabaseError {
    DatabaseError::Migrate {
        database: name.to_owned(),
        source: Box::new(source),
    }
}
