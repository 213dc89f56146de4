//! The task that keeps an issuer's keys fresh.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{KeySet, KeySetError, KeyStore};
use crate::auth::fetch::FetchError;

/// Longest that one refresh may take, discovery included.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(20);
/// The first wait after a failure; it doubles from there.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
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
    /// The discovery document is none, or another issuer's.
    #[error("the discovery document {0}")]
    Discovery(&'static str),
    /// The key set is none.
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

    /// Names the place: keys of one origin are good for another issuer object of the same origin.
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
                with_jitter(interval)
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                store.fails();
                let wait = backoff(failures, store.status().is_usable).min(interval);
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

fn backoff(failures: u32, has_keys: bool) -> Duration {
    let longest = match has_keys {
        true => MAX_BACKOFF,
        false => MAX_BACKOFF_WITHOUT_KEYS,
    };
    let doubled = FIRST_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(10));
    with_jitter(doubled.min(longest))
}

/// Between 80 and 100 % of a time, so that replicas don't ask all at once.
fn with_jitter(time: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0);
    time - (time / 5).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
#[path = "refresh_tests.rs"]
mod tests;
