//! The task that keeps an issuer's keys fresh.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{KeySet, KeySetError, KeyStore};
use crate::auth::fetch::FetchError;
use crate::backoff;

/// Longest that one refresh may take, discovery included.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait while keys are held.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// Longest wait while none are: requests fail for as long.
const MAX_BACKOFF_WITHOUT_KEYS: Duration = Duration::from_secs(5);

/// Why a refresh brought no keys.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The document could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The discovery document is not valid, or another issuer's.
    #[error("the discovery document {0}")]
    Discovery(&'static str),
    /// The key set is not valid.
    #[error("the key set can't be used: {0}")]
    KeySet(#[from] KeySetError),
    /// The file can't be read.
    #[error("the key file can't be read: {0}")]
    File(#[from] std::io::Error),
    /// The issuer did not answer in time.
    #[error("the issuer did not answer within {} s", REFRESH_TIMEOUT.as_secs())]
    Timeout,
}

/// A fetch that is under way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<KeySet, RefreshError>> + Send + 'a>>;

/// Where an issuer's keys come from.
pub trait KeySource: Send + Sync {
    /// Fetches the keys, from no cache.
    fn fetch(&self) -> Fetching<'_>;

    /// Names the origin: its keys are valid for another issuer object of the same origin.
    fn origin(&self) -> String;
}

/// Refreshes until told to stop: every `interval`, when an unknown key asks for it, and with backoff
/// while the source fails.
pub async fn keep_fresh(
    issuer: &str,
    store: Arc<KeyStore>,
    source: Arc<dyn KeySource>,
    interval: Duration,
    stop: CancellationToken,
) {
    let mut failures = 0_u32;
    loop {
        store.begins();
        let fetched = tokio::select! {
            fetched = timeout(REFRESH_TIMEOUT, source.fetch()) => fetched,
            () = stop.cancelled() => return,
        };
        let wait = match fetched.unwrap_or(Err(RefreshError::Timeout)) {
            Ok(keys) => {
                failures = 0;
                tracing::debug!(
                    issuer,
                    keys = keys.len(),
                    skipped = keys.skipped(),
                    "the issuer's keys were fetched"
                );
                if keys.is_empty() {
                    tracing::warn!(
                        issuer,
                        "the issuer has no key that tokens can be verified with"
                    );
                }
                store.replace(keys);
                backoff::with_jitter(interval)
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                store.fails();
                let wait = wait_after(failures, store.status().is_usable).min(interval);
                tracing::warn!(issuer, %error, failures, retry_in_ms = wait.as_millis(), has_keys = store.status().is_usable, "the issuer's keys could not be fetched");
                wait
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = store.wanted.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

fn wait_after(failures: u32, has_keys: bool) -> Duration {
    let longest = match has_keys {
        true => MAX_BACKOFF,
        false => MAX_BACKOFF_WITHOUT_KEYS,
    };
    backoff::after(failures, longest)
}

#[cfg(test)]
#[path = "refresh_tests.rs"]
mod tests;
