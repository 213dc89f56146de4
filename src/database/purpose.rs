//! What a database is for.

use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// What a database is for, said by the room whose tables are in it. Each purpose has tables, a table of
/// its migrations, a SQLite file and limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// The name of its file in the data directory.
    pub file_name: &'static str,
    /// The table that says which steps a database has.
    pub migrations_table: &'static str,
    /// The steps of its schema, in order.
    pub steps: &'static [Step],
    /// Connections at once.
    pub max_connections: u32,
    /// How long one statement may take at a server.
    pub statement_timeout: Duration,
}

/// One step of a schema: its number, its name and its statements. What has been released is never
/// changed, or databases that have it would be refused.
pub type Step = (i64, &'static str, &'static str);

impl Purpose {
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
        let mut migrator = Migrator::with_migrations(self.steps.iter().map(step).collect());
        migrator.dangerous_set_table_name(self.migrations_table);
        migrator
    }
}
