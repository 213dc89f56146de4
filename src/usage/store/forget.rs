//! An end user's name is taken out of what is written: what was used stays.

use sqlx::AssertSqlSafe;

use super::UsageStore;
use super::rollup::{self, Sign};
use crate::database::{DatabaseError, on_either};

/// Records that change together.
const PAGE: i64 = 500;
const EMPTY: &str =
    "DELETE FROM usage_daily WHERE requests = 0 AND total_tokens = 0 AND cost_nanos = 0";

impl UsageStore {
    /// Takes the name of an end user out of records, their sums, and what is known of who asked for stored objects; gives
    /// how many records had it.
    ///
    /// # Errors
    /// The database's; then some may have been changed, each with its sums.
    pub async fn forget_user(&self, user: &str) -> Result<u64, DatabaseError> {
        let mut forgotten = 0;
        loop {
            let changed = self.forget_page(user).await?;
            forgotten += changed;
            if changed == 0 {
                break;
            }
        }
        self.forget_asked_by(user).await?;
        Ok(forgotten)
    }

    async fn forget_page(&self, user: &str) -> Result<u64, DatabaseError> {
        let source = format!(
            "usage_records WHERE id IN \
             (SELECT id FROM usage_records WHERE end_user = $1 ORDER BY id LIMIT {PAGE})"
        );
        let less = rollup::statement(&source, Sign::Minus);
        // The same ones: only these have the mark.
        let mark = format!(
            "UPDATE usage_records SET end_user = NULL WHERE id IN \
             (SELECT id FROM usage_records WHERE end_user = $1 ORDER BY id LIMIT {PAGE}) RETURNING id"
        );
        let changed = on_either!(&self.database, pool => {
            let mut transaction = pool.begin_with(self.database.begin_write()).await?;
            let query = sqlx::query(AssertSqlSafe(less)).bind(user.to_owned());
            query.execute(&mut *transaction).await?;
            let query = sqlx::query_scalar(AssertSqlSafe(mark)).bind(user.to_owned());
            let ids: Vec<Vec<u8>> = query.fetch_all(&mut *transaction).await?;
            if !ids.is_empty() {
                let places: Vec<_> = (1..=ids.len()).map(|number| format!("${number}")).collect();
                let source = format!("usage_records WHERE id IN ({})", places.join(", "));
                let more = rollup::statement(&source, Sign::Plus);
                let query = sqlx::query(AssertSqlSafe(more));
                let query = ids.iter().fold(query, |query, id| query.bind(id.clone()));
                query.execute(&mut *transaction).await?;
                sqlx::query(EMPTY).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            ids.len()
        });
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    /// Who asked for what goes on when a request has ended is written as JSON, as serde writes it.
    async fn forget_asked_by(&self, user: &str) -> Result<(), DatabaseError> {
        const SET: &str = "UPDATE stored_objects SET asked_by = REPLACE(asked_by, $1, $2) \
             WHERE REPLACE(asked_by, $1, $2) <> asked_by";
        let name = serde_json::to_string(user).unwrap_or_default();
        on_either!(&self.database, pool => {
            let query = sqlx::query(SET).bind(format!("\"user\":{name}")).bind("\"user\":null");
            query.execute(pool).await?;
        });
        Ok(())
    }
}
