//! Reads and fetches lists again and again, away from the requests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::points::{self, MAX_LIST_BYTES};
use super::{CrlError, CrlMode, Revocation};
use crate::auth::fetch::{Fetcher, Url};

/// Wait after a failure, where the ordinary wait is longer.
const RETRY: Duration = Duration::from_secs(30);

/// Where a list is.
pub(super) enum ListLocation {
    File(PathBuf),
    Url(Url),
}

impl std::fmt::Display for ListLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

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
            self.count(taken.is_ok());
            if let Err(error) = taken {
                all_good = false;
                tracing::warn!(authority, source = name, %error, "a revocation list was rejected");
            }
        }
        all_good
    }
}

/// The bytes of a list's file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CrlError> {
    let unavailable = |error: std::io::Error| CrlError::Unavailable(error.to_string());
    let size = std::fs::metadata(path).map_err(unavailable)?.len();
    if usize::try_from(size).map_or(true, |size| size > MAX_LIST_BYTES) {
        return Err(CrlError::Unavailable(format!(
            "it is larger than {MAX_LIST_BYTES} bytes"
        )));
    }
    std::fs::read(path).map_err(unavailable)
}
