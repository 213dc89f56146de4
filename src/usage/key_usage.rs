//! When keys were last used, as all that this process can ask knows it: its own ledger, and the one that
//! replicas share.

use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::{KeyUses, UsageStore};
use crate::database::{DatabaseError, DatabaseUrl, PostgresUrl};

/// How long the ledgers may take: somebody waits for a list of keys.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Who is asked.
#[derive(Debug)]
pub struct KeyUsage {
    own: UsageStore,
    shared: Option<(DatabaseUrl, OnceCell<UsageStore>)>,
}

impl KeyUsage {
    /// Asks the ledger of this process, and the one that is shared where there is one.
    pub fn new(own: UsageStore, shared: Option<PostgresUrl>) -> Self {
        let shared = shared.map(|url| (DatabaseUrl::Postgres(url), OnceCell::new()));
        Self { own, shared }
    }

    /// When each key was last used. What a replica has not copied yet is not known here.
    ///
    /// # Errors
    /// The databases'.
    pub async fn last(&self) -> Result<KeyUses, DatabaseError> {
        timeout(ANSWER_TIMEOUT, self.ask())
            .await
            .unwrap_or(Err(DatabaseError::Timeout))
    }

    async fn ask(&self) -> Result<KeyUses, DatabaseError> {
        // A busy service fills its tables later.
        self.own.catch_up().await?;
        let mut all = self.own.key_uses().await?;
        if let Some((url, opened)) = &self.shared {
            let shared = opened.get_or_try_init(|| UsageStore::open(url)).await?;
            all.join(shared.key_uses().await?);
        }
        Ok(all)
    }
}
