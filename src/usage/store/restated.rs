//! Records that are changed after they were written: the sums of their days change with them.

use sqlx::AssertSqlSafe;

use super::UsageStore;
use super::rollup::{self, Sign};
use crate::database::{DatabaseError, Transaction, in_either};

/// Records that are out of the sums until they are put back, as they are by then. Dropping it undoes all.
pub(super) struct Restated<'a> {
    pub(super) transaction: Transaction,
    ids: &'a [Vec<u8>],
    /// `usage_records WHERE id IN …`, with a place for each id.
    source: String,
}

impl<'a> Restated<'a> {
    /// Takes records out of the sums. Nobody else changes them meanwhile, nor can they be deleted.
    pub(super) async fn begin(
        store: &UsageStore,
        ids: &'a [Vec<u8>],
    ) -> Result<Self, DatabaseError> {
        let places: Vec<_> = (1..=ids.len()).map(|it| format!("${it}")).collect();
        let mut restated = Self {
            transaction: Transaction::begin(&store.database).await?,
            ids,
            source: format!("usage_records WHERE id IN ({})", places.join(", ")),
        };
        // SQLite has no row locks: it lets one at a time write.
        if matches!(restated.transaction, Transaction::Postgres(_)) {
            let rows = format!("SELECT id FROM {} FOR UPDATE", restated.source);
            let lock = format!("SELECT COUNT(*) FROM ({rows}) AS locked");
            restated.execute(lock).await?;
        }
        let less = rollup::statement(&restated.source, Sign::Minus);
        restated.execute(less).await?;
        Ok(restated)
    }

    /// Puts them back, and commits. A day without records has no sum.
    pub(super) async fn finish(mut self) -> Result<(), DatabaseError> {
        let more = rollup::statement(&self.source, Sign::Plus);
        self.execute(more).await?;
        let days = format!("SELECT started_ms / 86400000 FROM {}", self.source);
        let empty = format!(
            "DELETE FROM usage_daily WHERE day IN ({days}) \
             AND requests = 0 AND total_tokens = 0 AND cost_nanos = 0"
        );
        self.execute(empty).await?;
        Ok(self.transaction.commit().await?)
    }

    async fn execute(&mut self, statement: String) -> Result<(), DatabaseError> {
        let ids = self.ids;
        in_either!(&mut self.transaction, connection => {
            let query = sqlx::query(AssertSqlSafe(statement));
            let query = ids.iter().fold(query, |query, id| query.bind(id.clone()));
            query.execute(connection).await.map(drop)
        })?;
        Ok(())
    }
}
