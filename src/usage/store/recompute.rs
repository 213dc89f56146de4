//! Costs anew: records and sums change together, a page at a time.

use super::restated::Restated;
use super::{LedgerRow, UsageStore};
use crate::database::{DatabaseError, in_either};

impl UsageStore {
    /// Gives rows other costs: `price`, `cost_nanos` and `currency` are taken from the rows, all else
    /// is left alone. The sums of their days change with them.
    ///
    /// # Errors
    /// The database's; then nothing has changed.
    pub async fn reprice(&self, rows: &[LedgerRow]) -> Result<(), DatabaseError> {
        const SET: &str =
            "UPDATE usage_records SET price = $2, cost_nanos = $3, currency = $4 WHERE id = $1";
        let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
        let mut restated = Restated::begin(self, &ids).await?;
        for row in rows {
            in_either!(&mut restated.transaction, connection => {
                let query = sqlx::query(SET).bind(row.id.clone()).bind(row.price.clone());
                let query = query.bind(row.cost_nanos).bind(row.currency.clone());
                query.execute(connection).await.map(drop)
            })?;
        }
        restated.finish().await
    }
}
