//! What a database is for.

use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// What a database is for. Each purpose has tables, a table of its migrations, a SQLite file and
/// limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The keys that are issued at run time.
    Keys,
    /// The usage ledger of this process.
    Usage,
    /// The usage of all replicas.
    UsageShared,
}

/// One step of a schema: its number, its name and its statements. What has been released is never
/// changed, or databases that have it would be refused.
type Step = (i64, &'static str, &'static str);

const KEYS: &[Step] = &[(
    1,
    "issued keys",
    include_str!("migrations/keys/0001_issued_keys.sql"),
)];

const USAGE: &[Step] = &[
    (
        1,
        "ledger",
        include_str!("migrations/usage/0001_ledger.sql"),
    ),
    (
        2,
        "stored objects",
        include_str!("migrations/usage/0002_stored_objects.sql"),
    ),
];

const USAGE_SHARED: &[Step] = &[
    (
        1,
        "ledger",
        include_str!("migrations/usage_shared/0001_ledger.sql"),
    ),
    (
        2,
        "stored objects",
        include_str!("migrations/usage_shared/0002_stored_objects.sql"),
    ),
];

impl Purpose {
    /// The name of its file in the data directory.
    pub(super) const fn file_name(self) -> &'static str {
        match self {
            Self::Keys => "keys.db",
            Self::Usage => "usage.db",
            Self::UsageShared => "usage_shared.db",
        }
    }

    /// The table that says which steps a database has.
    const fn migrations_table(self) -> &'static str {
        match self {
            Self::Keys => "keys_migrations",
            Self::Usage => "usage_migrations",
            Self::UsageShared => "usage_shared_migrations",
        }
    }

    const fn steps(self) -> &'static [Step] {
        match self {
            Self::Keys => KEYS,
            Self::Usage => USAGE,
            Self::UsageShared => USAGE_SHARED,
        }
    }

    /// Connections at once.
    pub(super) const fn max_connections(self) -> u32 {
        match self {
            // One for the poll, the rest for commands of people.
            Self::Keys => 4,
            // One that writes, one that is read for the server, one that prunes.
            Self::Usage | Self::UsageShared => 3,
        }
    }

    /// How long one statement may take at a server.
    pub(super) const fn statement_timeout(self) -> Duration {
        match self {
            // Loading 100,000 keys takes a second or two on a slow disk.
            Self::Keys => Duration::from_secs(10),
            // A report over years.
            Self::Usage | Self::UsageShared => Duration::from_secs(120),
        }
    }

    /// The steps as sqlx takes them.
    pub(super) fn migrator(self) -> Migrator {
        let step = |(number, name, statements): &Step| {
            Migration::new(
                *number,
                (*name).into(),
                MigrationType::Simple,
                (*statements).into_sql_str(),
                false,
            )
        };
        let mut migrator = Migrator::with_migrations(self.steps().iter().map(step).collect());
        migrator.dangerous_set_table_name(self.migrations_table());
        migrator
    }
}
