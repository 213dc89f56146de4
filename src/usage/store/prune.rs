//! Retention: old records and sums go, a few at a time.

use super::{Period, UsageStore};
use crate::database::{DatabaseError, on_either};

impl UsageStore {
    /// Deletes at most so many records of a period, none after `copied` in a file; gives how many
    /// there were.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_records(
        &self,
        period: Period,
        copied: i64,
        limit: i64,
    ) -> Result<u64, DatabaseError> {
        const PRUNE: &str = "DELETE FROM usage_records WHERE id IN (SELECT id FROM usage_records \
             WHERE id >= $1 AND id < $2 AND seq <= $3 ORDER BY id LIMIT $4)";
        let (from, to) = period.ids();
        Ok(on_either!(&self.database, pool => {
            let query = sqlx::query(PRUNE).bind(from).bind(to).bind(copied).bind(limit);
            query.execute(pool).await?.rows_affected()
        }))
    }

    /// Deletes the sums of whole days before the period's end.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_sums(&self, period: Period) -> Result<(), DatabaseError> {
        const PRUNE: &str = "DELETE FROM usage_daily WHERE day >= $1 AND day < $2";
        let (from, to) = period.days();
        on_either!(&self.database, pool => {
            sqlx::query(PRUNE).bind(from).bind(to).execute(pool).await?;
        });
        Ok(())
    }
}
