//! An end user's name is taken out of what is written: what was used stays.

use std::time::SystemTime;

use super::UsageStore;
use super::restated::Restated;
use super::row::text;
use crate::database::{DatabaseError, in_either, on_either};
use crate::usage::RecordId;

/// Records that change together.
const PAGE: i64 = 500;

impl UsageStore {
    /// Takes the name of an end user out of records, their sums, and what is known of who asked for stored objects; gives
    /// how many records had it. What comes meanwhile is not looked at.
    ///
    /// # Errors
    /// The database's; then some may have been changed, each with its sums.
    pub async fn forget_user(&self, user: &str) -> Result<u64, DatabaseError> {
        const NAMED: &str =
            "SELECT id FROM usage_records WHERE end_user = $1 AND id < $2 ORDER BY id LIMIT $3";
        let until = RecordId::first_at(SystemTime::now()).to_vec();
        // As it is written: names are cut there.
        let user = &text(user);
        let mut forgotten = 0;
        loop {
            let ids: Vec<Vec<u8>> = on_either!(&self.database, pool => {
                let query = sqlx::query_scalar(NAMED).bind(user.clone());
                let query = query.bind(until.clone()).bind(PAGE);
                query.fetch_all(pool).await?
            });
            if ids.is_empty() {
                break;
            }
            self.forget_page(&ids).await?;
            forgotten += u64::try_from(ids.len()).unwrap_or(u64::MAX);
        }
        self.forget_asked_by(user).await?;
        Ok(forgotten)
    }

    async fn forget_page(&self, ids: &[Vec<u8>]) -> Result<(), DatabaseError> {
        const FORGET: &str = "UPDATE usage_records SET end_user = NULL WHERE id = $1";
        let mut restated = Restated::begin(self, ids).await?;
        for id in ids {
            in_either!(&mut restated.transaction, connection => {
                let query = sqlx::query(FORGET).bind(id.clone());
                query.execute(connection).await.map(drop)
            })?;
        }
        restated.finish().await
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
