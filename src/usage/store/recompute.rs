//! Costs anew: records and sums change together, a page at a time.

use sqlx::AssertSqlSafe;

use super::rollup::{self, Sign};
use super::{LedgerRow, UsageStore};
use crate::database::{Database, DatabaseError, on_either};

impl UsageStore {
    /// Gives rows other costs: `price`, `cost_nanos` and `currency` are taken from the rows, all else
    /// is left alone. The sums of their days change with them.
    ///
    /// # Errors
    /// The database's; then nothing has changed.
    pub async fn reprice(&self, rows: &[LedgerRow]) -> Result<(), DatabaseError> {
        const SET: &str =
            "UPDATE usage_records SET price = $2, cost_nanos = $3, currency = $4 WHERE id = $1";
        let places: Vec<_> = (1..=rows.len())
            .map(|number| format!("${number}"))
            .collect();
        let places = places.join(", ");
        let lock = format!(
            "SELECT COUNT(*) FROM (SELECT id FROM usage_records WHERE id IN ({places}) FOR UPDATE) AS locked"
        );
        let source = format!("usage_records WHERE id IN ({places})");
        let (less, more) = (
            rollup::statement(&source, Sign::Minus),
            rollup::statement(&source, Sign::Plus),
        );
        const EMPTY: &str =
            "DELETE FROM usage_daily WHERE requests = 0 AND total_tokens = 0 AND cost_nanos = 0";
        on_either!(&self.database, pool => {
            let mut transaction = pool.begin_with(self.database.begin_write()).await?;
            if matches!(self.database, Database::Postgres(_)) {
                let query = sqlx::query(AssertSqlSafe(lock));
                let query = rows.iter().fold(query, |query, row| query.bind(row.id.clone()));
                query.execute(&mut *transaction).await?;
            }
            let query = sqlx::query(AssertSqlSafe(less));
            let query = rows.iter().fold(query, |query, row| query.bind(row.id.clone()));
            query.execute(&mut *transaction).await?;
            for row in rows {
                let query = sqlx::query(SET).bind(row.id.clone()).bind(row.price.clone());
                let query = query.bind(row.cost_nanos).bind(row.currency.clone());
                query.execute(&mut *transaction).await?;
            }
            let query = sqlx::query(AssertSqlSafe(more));
            let query = rows.iter().fold(query, |query, row| query.bind(row.id.clone()));
            query.execute(&mut *transaction).await?;
            sqlx::query(EMPTY).execute(&mut *transaction).await?;
            transaction.commit().await?;
        });
        Ok(())
    }
}
