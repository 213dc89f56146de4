//! Both databases, for one contract.

use std::time::{Duration, SystemTime};

use sqlx::{AssertSqlSafe, SqlitePool};
use tempfile::TempDir;
use tollgate::auth::{Key, KeyDigest, KeyEvent, KeyId};
use tollgate::control::NewKey;
use tollgate::database::Purpose;
use tollgate::database::{DatabaseUrl, PostgresUrl, Synchronous};
use tollgate_integration::postgres::Postgres;

/// Where a contract is tried; what it owns goes with it.
pub struct TestDatabase {
    pub name: &'static str,
    pub url: DatabaseUrl,
    pub postgres: Option<Postgres>,
    _directory: Option<TempDir>,
}

/// An empty SQLite file and an empty PostgreSQL.
pub fn places(purpose: Purpose) -> [TestDatabase; 2] {
    [sqlite(purpose), postgres()]
}

pub fn sqlite(purpose: Purpose) -> TestDatabase {
    let directory = tempfile::tempdir().expect("a directory");
    TestDatabase {
        name: "SQLite",
        url: DatabaseUrl::in_directory(directory.path(), purpose, Synchronous::Normal),
        postgres: None,
        _directory: Some(directory),
    }
}

pub fn postgres() -> TestDatabase {
    let server = Postgres::start().expect("a PostgreSQL");
    let password = Postgres::PASSWORD.into();
    let url = PostgresUrl::new(&server.url(), Some(password)).expect("its address");
    TestDatabase {
        name: "PostgreSQL",
        url: DatabaseUrl::Postgres(url),
        postgres: Some(server),
        _directory: None,
    }
}

/// A moment, in seconds after one that all tests share.
pub fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// Somebody does something at [`at`].
pub fn event(by: &str, seconds: u64) -> KeyEvent {
    KeyEvent {
        by: by.to_owned(),
        at: at(seconds),
    }
}

/// A key that is to be issued, without limits.
pub fn new_key() -> (Key, NewKey) {
    let key = Key::generate().expect("a key");
    let new = NewKey {
        id: KeyId::parse(key.id()).expect("an id"),
        digest: KeyDigest::of_presented(key.expose()).expect("a tollgate key"),
        not_before: None,
        not_after: None,
    };
    (key, new)
}

impl TestDatabase {
    /// Puts so many keys into the tables of keys, each of a client of its own, in one statement.
    pub async fn fill(&self, count: i64) {
        let numbers = "WITH RECURSIVE numbers (n) AS \
             (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < COUNT)";
        let digest = match self.postgres {
            Some(_) => "lpad(to_hex(n), 64, '0')",
            None => "printf('%064x', n)",
        };
        let statement = format!(
            "{numbers} INSERT INTO issued_keys SELECT 'key' || n, {digest}, 'client' || n, \
             'primary', 'active', NULL, NULL, NULL, 0, 'fill', 0, 'fill', n FROM numbers"
        );
        let counter = "UPDATE issued_keys_changes SET version = COUNT";
        for statement in [statement.as_str(), counter] {
            let statement = statement.replace("COUNT", &count.to_string());
            match (&self.postgres, &self.url) {
                (Some(server), _) => drop(server.query(&statement).expect("filled")),
                (None, url) => {
                    let opened = SqlitePool::connect(&format!("sqlite:{url}")).await;
                    let pool = opened.expect("the file");
                    let filled = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await;
                    filled.expect("filled");
                    pool.close().await;
                }
            }
        }
    }
}
