//! What a server has refused for its data, so that it does not hold up what follows it.

use super::columns::{Columns, row};
use super::{LedgerRow, ObjectRow, UsageStore};
use crate::database::{Database, DatabaseError, on_either};
use crate::unix_time;

row! {
    /// A record or an object that a server has refused.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NotCopied {
        /// `record`, or the kind of the object.
        kind: String,
        /// Its id.
        id: String,
        /// What the server said.
        reason: String,
        /// When, in milliseconds since 1970.
        refused_ms: i64,
    }
}

impl NotCopied {
    /// A record that was refused now.
    pub fn record(row: &LedgerRow, reason: &DatabaseError) -> Self {
        let id = row.record_id().map(|id| id.to_string());
        Self::new("record", id.unwrap_or_default(), reason)
    }

    /// An object that was refused now.
    pub fn object(row: &ObjectRow, reason: &DatabaseError) -> Self {
        Self::new(&row.kind, row.id.clone(), reason)
    }

    fn new(kind: &str, id: String, reason: &DatabaseError) -> Self {
        Self {
            kind: kind.to_owned(),
            id,
            reason: reason.to_string(),
            refused_ms: unix_time::millis(std::time::SystemTime::now()),
        }
    }
}

impl UsageStore {
    /// Remembers in the file that a server has refused something.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_aside(&self, refused: NotCopied) -> Result<(), DatabaseError> {
        const PUT: &str = "INSERT OR REPLACE INTO not_copied (kind, id, reason, refused_ms) \
             VALUES ($1, $2, $3, $4)";
        if let Database::Sqlite(pool) = &self.database {
            refused.bind_sqlite(sqlx::query(PUT)).execute(pool).await?;
        }
        Ok(())
    }

    /// All that a server has refused, the oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn not_copied(&self) -> Result<Vec<NotCopied>, DatabaseError> {
        const ALL: &str = "SELECT * FROM not_copied ORDER BY refused_ms, kind, id";
        Ok(on_either!(&self.database, pool => sqlx::query_as(ALL).fetch_all(pool).await?))
    }

    /// How much that is.
    ///
    /// # Errors
    /// The database's.
    pub async fn count_not_copied(&self) -> Result<u64, DatabaseError> {
        const COUNT: &str = "SELECT COUNT(*) FROM not_copied";
        let count: i64 = on_either!(&self.database, pool => {
            sqlx::query_scalar(COUNT).fetch_one(pool).await?
        });
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Forgets what was refused before a moment: the records themselves are as old.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_not_copied(&self, before_ms: i64) -> Result<(), DatabaseError> {
        const PRUNE: &str = "DELETE FROM not_copied WHERE refused_ms < $1";
        on_either!(&self.database, pool => {
            sqlx::query(PRUNE).bind(before_ms).execute(pool).await?;
        });
        Ok(())
    }
}
