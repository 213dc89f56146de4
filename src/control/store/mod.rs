//! The keys that were issued at run time.

mod change;
mod error;
mod keys;
mod moving;
mod row;

use std::time::Duration;

pub use error::KeyChangeError;
pub use keys::{End, KeyStore, NewKey, PAGE_ROWS};
pub use moving::Which;

use crate::database::Purpose;

/// The keys that are issued at run time.
pub const KEYS: Purpose = Purpose {
    file_name: "keys.db",
    migrations_table: "keys_migrations",
    steps: &[(
        1,
        "issued keys",
        include_str!("migrations/0001_issued_keys.sql"),
    )],
    // One for the poll, the rest for commands of people.
    max_connections: 4,
    // Loading 100,000 keys takes a second or two on a slow disk.
    statement_timeout: Duration::from_secs(10),
};
