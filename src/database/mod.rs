//! The one room that speaks SQL: SQLite in the data directory, or PostgreSQL that replicas share.
//!
//! Both are spoken to in the same words: `$1` for what is bound, `TEXT` and `BIGINT`, moments in
//! milliseconds since 1970. What a database is for is its [`Purpose`]: each has tables, migrations and a
//! SQLite file of its own, and all of them may share one PostgreSQL database.

mod copy;
mod either;
mod error;
mod open;
mod postgres;
mod purpose;
mod transaction;

use std::fmt;
use std::path::{Path, PathBuf};

pub use copy::CopyError;
pub(crate) use either::on_either;
pub use error::DatabaseError;
pub use postgres::{PostgresUrl, PostgresUrlError};
pub use purpose::{Purpose, Step};
use sqlx::{PgPool, SqlitePool};
pub(crate) use transaction::{Transaction, in_either};

/// Where a database is.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// A file of this process's.
    Sqlite {
        /// The file; it is made if it isn't there.
        file: PathBuf,
        /// What a commit waits for.
        synchronous: Synchronous,
    },
    /// A server that replicas share.
    Postgres(PostgresUrl),
}

impl DatabaseUrl {
    /// The file of a purpose in the data directory.
    pub fn in_directory(directory: &Path, purpose: Purpose, synchronous: Synchronous) -> Self {
        Self::Sqlite {
            file: directory.join(purpose.file_name),
            synchronous,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { file, .. } => file.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// What SQLite's commit waits for (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// The disk: what was committed outlives a loss of power.
    Full,
    /// The operating system: it outlives the process, and a loss of power may take the last commits.
    Normal,
}

/// An open database; clones share its connections.
#[derive(Clone)]
pub enum Database {
    /// A file.
    Sqlite(SqlitePool),
    /// A server.
    Postgres(PgPool),
}

impl Database {
    /// Opens a database and brings its tables up to date.
    ///
    /// # Errors
    /// [`DatabaseError::Open`] where it can't be reached or made, [`DatabaseError::Migrate`] where its
    /// tables are newer than this program or can't be changed.
    pub async fn open(url: &DatabaseUrl, purpose: Purpose) -> Result<Self, DatabaseError> {
        match url {
            DatabaseUrl::Sqlite { file, synchronous } => {
                open::sqlite(file, *synchronous, purpose).await
            }
            DatabaseUrl::Postgres(url) => open::postgres(url, purpose).await,
        }
    }

    /// Whether a server takes this user, and may be written to. Neither tables nor rows are looked at.
    ///
    /// # Errors
    /// [`DatabaseError::Open`]
    pub async fn is_writable(url: &PostgresUrl) -> Result<bool, DatabaseError> {
        open::is_writable(url).await
    }

    /// How a transaction begins that writes. SQLite must be told, or two that have read and then both
    /// want to write would each wait for the other one, and one fails at once.
    pub const fn begin_write(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        }
    }

    /// Copies a SQLite file as it is at one moment, while others use it; gives the bytes of the copy.
    ///
    /// # Errors
    /// [`CopyError`]; then there is no copy.
    pub async fn copy(file: &Path, to: &Path) -> Result<u64, CopyError> {
        copy::copy(file, to).await
    }

    /// Closes every connection, and waits for what they do.
    pub async fn close(&self) {
        on_either!(self, pool => pool.close().await);
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Database::Sqlite",
            Self::Postgres(_) => "Database::Postgres",
        })
    }
}
