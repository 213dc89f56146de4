//! The tables of the usage ledger: records, their sums by day, what their requests have made, and how
//! far all that has been copied.

mod columns;
mod entry;
mod fill;
mod forget;
mod insert;
mod key_uses;
mod not_copied;
mod object_row;
mod objects;
mod prune;
mod read;
mod recompute;
mod restated;
mod rollup;
mod row;
mod sums;
mod used;

use std::path::Path;
use std::time::{Duration, SystemTime};

pub(crate) use entry::{LogEntry, Placed};
pub(crate) use fill::Gap;
pub use key_uses::{KeyUse, KeyUses};
pub use not_copied::NotCopied;
pub use object_row::ObjectRow;
pub use read::Position;
pub use row::{LedgerRow, rfc3339};
pub use sums::{Dimension, Only, Sum};
pub use used::Used;

use crate::database::{Database, DatabaseError, DatabaseUrl, Purpose};
use crate::unix_time;
use crate::usage::RecordId;
use crate::usage::log::LogFolder;

/// The ledger of this process.
pub const LEDGER: Purpose = Purpose {
    file_name: "usage.db",
    migrations_table: "usage_migrations",
    steps: &[
        (
            1,
            "ledger",
            include_str!("migrations/ledger/0001_ledger.sql"),
        ),
        (
            2,
            "stored objects",
            include_str!("migrations/ledger/0002_stored_objects.sql"),
        ),
        (
            3,
            "service tier",
            include_str!("migrations/ledger/0003_service_tier.sql"),
        ),
        (
            4,
            "asked by",
            include_str!("migrations/ledger/0004_asked_by.sql"),
        ),
        (
            5,
            "batch output",
            include_str!("migrations/ledger/0005_batch_output.sql"),
        ),
        (6, "log", include_str!("migrations/ledger/0006_log.sql")),
        (
            7,
            "not copied",
            include_str!("migrations/ledger/0007_not_copied.sql"),
        ),
        (
            8,
            "backend of stored objects",
            include_str!("migrations/ledger/0008_backend.sql"),
        ),
        (9, "key", include_str!("migrations/ledger/0009_key.sql")),
    ],
    // One that fills it, one that is read for the server, one that prunes.
    max_connections: 3,
    statement_timeout: REPORT_TIMEOUT,
};

/// The usage of all replicas.
pub const SHARED: Purpose = Purpose {
    file_name: "usage_shared.db",
    migrations_table: "usage_shared_migrations",
    steps: &[
        (
            1,
            "ledger",
            include_str!("migrations/shared/0001_ledger.sql"),
        ),
        (
            2,
            "stored objects",
            include_str!("migrations/shared/0002_stored_objects.sql"),
        ),
        (
            3,
            "service tier",
            include_str!("migrations/shared/0003_service_tier.sql"),
        ),
        (
            4,
            "asked by",
            include_str!("migrations/shared/0004_asked_by.sql"),
        ),
        (
            5,
            "batch output",
            include_str!("migrations/shared/0005_batch_output.sql"),
        ),
        (
            6,
            "backend of stored objects",
            include_str!("migrations/shared/0006_backend.sql"),
        ),
        (7, "key", include_str!("migrations/shared/0007_key.sql")),
    ],
    max_connections: 3,
    statement_timeout: REPORT_TIMEOUT,
};

/// A report over years.
const REPORT_TIMEOUT: Duration = Duration::from_secs(120);

/// The ledger's tables in one database.
#[derive(Clone, Debug)]
pub struct UsageStore {
    database: Database,
    /// What a file is filled from.
    log: Option<LogFolder>,
}

/// Requests that came from one moment on and before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment; `None` is the beginning.
    pub from: Option<SystemTime>,
    /// The first moment after it; `None` is open.
    pub to: Option<SystemTime>,
}

impl Period {
    /// All time.
    pub const ALL: Self = Self {
        from: None,
        to: None,
    };

    /// Ids of records in it: from the first on, before the second.
    fn ids(self) -> (Vec<u8>, Vec<u8>) {
        let border = |at: Option<SystemTime>, open: u8| match at {
            Some(at) => RecordId::first_at(at).to_vec(),
            None => vec![open; 16],
        };
        (border(self.from, 0), border(self.to, u8::MAX))
    }

    /// Days that it touches, since 1970: from the first on, before the second. Reports go by days.
    fn days(self) -> (i64, i64) {
        const DAY_S: u64 = 86_400;
        let seconds = |at: SystemTime| unix_time::since_1970(at).as_secs();
        let day = |seconds: u64| i64::try_from(seconds / DAY_S).unwrap_or(i64::MAX);
        (
            self.from.map_or(0, |at| day(seconds(at))),
            self.to
                .map_or(i64::MAX, |at| day(seconds(at).saturating_add(DAY_S - 1))),
        )
    }
}

impl UsageStore {
    /// Opens the ledger of a file or of a server and brings its tables up to date.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let (purpose, log) = match url {
            DatabaseUrl::Sqlite { file, .. } => {
                let directory = file.parent().unwrap_or(Path::new(""));
                (LEDGER, Some(LogFolder::in_directory(directory)))
            }
            DatabaseUrl::Postgres(_) => (SHARED, None),
        };
        let database = Database::open(url, purpose).await?;
        Ok(Self { database, log })
    }

    /// Closes every connection, and waits for what they do.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
