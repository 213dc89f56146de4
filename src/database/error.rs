//! Why a database could not do what it was asked.

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

/// Why a database could not do what it was asked. No message has a password: none is given to sqlx
/// in a text.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It can't be reached, or its file can't be made.
    #[error("{database} can't be opened: {source}")]
    Open {
        /// Which one, without a password.
        database: String,
        /// Why.
        source: sqlx::Error,
    },
    /// Its tables can't be brought up to date.
    #[error("the tables of {database} can't be brought up to date: {source}")]
    Migrate {
        /// Which one, without a password.
        database: String,
        /// Why.
        source: Box<MigrateError>,
    },
    /// A statement failed.
    #[error("the database refused a statement: {0}")]
    Statement(#[from] sqlx::Error),
    /// The log that the ledger's file is filled from can't be read or written.
    #[error("the usage log: {0}")]
    Log(#[source] std::io::Error),
    /// No answer in time.
    #[error("the database did not answer in time")]
    Timeout,
    /// A row that this program has not written.
    #[error("the database has a row that can't be read: {0}")]
    Row(String),
}

impl DatabaseError {
    /// Whether a PostgreSQL refused the data themselves: it would again, whenever they come. Classes 22
    /// (data exception), 23 (integrity constraint violation) and 54 (program limit exceeded, such as
    /// the size of an index's entry) of <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    pub fn refuses_data(&self) -> bool {
        let Self::Statement(sqlx::Error::Database(error)) = self else {
            return false;
        };
        let is_of_a_server = error.try_downcast_ref::<PgDatabaseError>().is_some();
        let code = error.code().unwrap_or_default();
        is_of_a_server
            && ["22", "23", "54"]
                .iter()
                .any(|class| code.starts_with(class))
    }
}
