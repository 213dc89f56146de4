//! What keeps an issuer's keys fresh, from the configuration to a task.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::{KeySource, KeyStore, RefreshError, keep_fresh};

/// What keeps one issuer's keys fresh.
pub struct KeyRefresh {
    /// The issuer's name.
    pub issuer: Arc<str>,
    /// Where the keys go.
    pub store: Arc<KeyStore>,
    /// Where they come from.
    pub source: Arc<dyn KeySource>,
    /// How often.
    pub interval: Duration,
}

impl KeyRefresh {
    /// Starts a task for each issuer.
    pub fn start(all: Vec<Self>, stop: &CancellationToken) -> impl Iterator<Item = JoinHandle<()>> {
        let stop = stop.clone();
        all.into_iter()
            .map(move |refresh| tokio::spawn(refresh.run(stop.clone())))
    }

    /// Fetches once, and no more.
    ///
    /// # Errors
    /// [`RefreshError`], where there are no keys.
    pub async fn fetch_once(&self) -> Result<(), RefreshError> {
        self.store.replace(self.source.fetch().await?);
        Ok(())
    }

    /// Refreshes until told to stop.
    async fn run(self, stop: CancellationToken) {
        let Self {
            issuer,
            store,
            source,
            interval,
        } = self;
        keep_fresh(&issuer, store, source, interval, stop).await;
    }
}
