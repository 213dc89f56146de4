//! Reads and fetches lists again and again, away from the requests.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::location::{ListLocation, read};
use super::{CrlError, CrlMode, Revocation, points};
use crate::auth::fetch::{Fetcher, FetcherError};

/// Wait after a failure, where the ordinary wait is longer.
const RETRY: Duration = Duration::from_secs(30);

impl Revocation {
    /// Reads and fetches until told to stop.
    pub async fn keep_fresh(self: Arc<Self>, authority: String, stop: CancellationToken) {
        if self.mode() == CrlMode::Off {
            return;
        }
        let fetcher = match Fetcher::new(points::rules(), None) {
            Ok(fetcher) => fetcher,
            Err(error) => {
                tracing::error!(authority, %error, "revocation lists can't be fetched");
                return;
            }
        };
        loop {
            let all_good = tokio::select! {
                all_good = self.refresh(&authority, &fetcher) => all_good,
                () = stop.cancelled() => return,
            };
            let wait = match all_good {
                true => self.interval(),
                false => self.interval().min(RETRY),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.woken() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn refresh(self: &Arc<Self>, authority: &str, fetcher: &Fetcher) -> bool {
        let mut all_good = true;
        for (source, taken) in self.take_all(fetcher).await {
            self.count(taken.is_ok());
            if let Err(error) = taken {
                all_good = false;
                tracing::warn!(authority, source, %error, "a revocation list was rejected");
            }
        }
        all_good
    }

    /// Reads and fetches every list once, and says of each source what became of it.
    ///
    /// # Errors
    /// [`FetcherError`] where nothing can be fetched.
    pub async fn fetch_once(
        self: &Arc<Self>,
    ) -> Result<Vec<(String, Result<(), CrlError>)>, FetcherError> {
        Ok(self.take_all(&Fetcher::new(points::rules(), None)?).await)
    }

    async fn take_all(self: &Arc<Self>, fetcher: &Fetcher) -> Vec<(String, Result<(), CrlError>)> {
        let mut all = Vec::new();
        for location in self.locations() {
            let name = location.to_string();
            let fetched = match &location {
                ListLocation::Url(url) => fetcher.get(url).await.map(Some).map_err(CrlError::from),
                ListLocation::File(_) => Ok(None),
            };
            // Reading and parsing are kept off the threads that decide.
            let (this, source) = (Arc::clone(self), name.clone());
            let parse = tokio::task::spawn_blocking(move || match (location, fetched?) {
                (ListLocation::File(path), _) => this.take(&source, &read(&path)?),
                (ListLocation::Url(_), bytes) => this.take(&source, &bytes.unwrap_or_default()),
            });
            let taken = parse
                .await
                .unwrap_or_else(|error| Err(CrlError::Malformed(error.to_string())));
            all.push((name, taken));
        }
        all
    }
}
