//! The task that keeps an issuer's keys fresh.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{KeySet, KeySetError, KeyStore, UNKNOWN_KEY_COOLDOWN};
use crate::auth::fetch::FetchError;
use crate::backoff::{Backoff, with_jitter};

/// Longest that one refresh may take, discovery included.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait after a failure, at first while none are held, and while they are at most.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
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
    let mut backoff = Backoff::new(FIRST_BACKOFF, MAX_BACKOFF).with_jitter();
    loop {
        store.begins();
        let fetched = tokio::select! {
            fetched = timeout(REFRESH_TIMEOUT, source.fetch()) => fetched,
            () = stop.cancelled() => return,
        };
        let wait = match fetched.unwrap_or(Err(RefreshError::Timeout)) {
            Ok(keys) => {
                backoff.reset();
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
                store.fails();
                let has_keys = store.status().is_usable;
                let pause = backoff.pause_up_to(longest_wait(has_keys));
                let wait = match has_keys {
                    // With what unknown keys cause, no more than those alone may.
                    true => pause.max(UNKNOWN_KEY_COOLDOWN).min(interval),
                    false => pause.min(interval),
                };
                let failures = backoff.failures();
                tracing::warn!(issuer, %error, failures, retry_in_ms = wait.as_millis(), has_keys, "the issuer's keys could not be fetched");
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

fn longest_wait(has_keys: bool) -> Duration {
    match has_keys {
        true => MAX_BACKOFF,
        false => MAX_BACKOFF_WITHOUT_KEYS,
    }
}

#[cfg(test)]
mod tests;
