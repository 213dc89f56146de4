//! Both databases, for one contract.

use tempfile::TempDir;
use tollgate::database::{DatabaseUrl, PostgresUrl, Purpose, Synchronous};
use tollgate_integration::postgres::Postgres;

/// Where a contract is tried; what it owns goes with it.
pub struct Place {
    pub name: &'static str,
    pub url: DatabaseUrl,
    pub postgres: Option<Postgres>,
    _directory: Option<TempDir>,
}

/// An empty SQLite file and an empty PostgreSQL.
pub fn places(purpose: Purpose) -> [Place; 2] {
    [sqlite(purpose), postgres()]
}

pub fn sqlite(purpose: Purpose) -> Place {
    let directory = tempfile::tempdir().expect("a directory");
    Place {
        name: "SQLite",
        url: DatabaseUrl::in_directory(directory.path(), purpose, Synchronous::Normal),
        postgres: None,
        _directory: Some(directory),
    }
}

pub fn postgres() -> Place {
    let server = Postgres::start().expect("a PostgreSQL");
    let password = Postgres::PASSWORD.into();
    let url = PostgresUrl::new(&server.url(), Some(password)).expect("its address");
    Place {
        name: "PostgreSQL",
        url: DatabaseUrl::Postgres(url),
        postgres: Some(server),
        _directory: None,
    }
}
