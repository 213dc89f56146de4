//! Why a database could not do what it was asked.

use sqlx::migrate::MigrateError;

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
    /// No answer in time.
    #[error("the database did not answer in time")]
    Timeout,
    /// A row that this program has not written.
    #[error("the database has a row that can't be read: {0}")]
    Row(String),
}
