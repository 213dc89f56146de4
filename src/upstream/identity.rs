//! Holds the identity's token and refreshes it behind the requests.
//!
//! A request only ever loads a pointer. One task fetches: at half of the token's life, and with
//! backoff while the source fails; the old token serves to its end meanwhile.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use secrecy::SecretString;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::backoff::{Backoff, with_jitter};
use crate::unix_time;

/// A request is on its way for a moment, and ends are in whole seconds: a token that ends before it
/// arrives gets 401 there, on which no SDK tries again, and here 503, on which all do.
const ON_THE_WAY: Duration = Duration::from_secs(1);
/// Longest that one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
/// Soonest refresh, for sources that hand out the same token again near its end.
const MIN_REFRESH: Duration = Duration::from_secs(1);
/// How long to wait after a failure, at first and while a token is still held at most.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// Longest wait while none is: requests fail for as long.
const MAX_BACKOFF_WITHOUT_TOKEN: Duration = Duration::from_secs(5);

/// Where tokens come from.
pub trait TokenSource: Send + Sync {
    /// Fetches a new token, from no cache.
    fn fetch(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<IssuedToken, IdentityError>> + Send + '_>>;
}

/// Why there is no new token.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The source failed, in its own words.
    #[error("{0}")]
    Source(String),
    /// The source gave a token that had ended.
    #[error("the source gave a token that has already expired")]
    AlreadyExpired,
    /// The source gave bytes that no header can carry.
    #[error("the source gave a token that is not a valid header value")]
    NotAHeaderValue,
    /// The source did not answer in time.
    #[error("the source did not answer within {} s", FETCH_TIMEOUT.as_secs())]
    Timeout,
}

/// A token fresh from its source, as the header that carries it.
pub struct IssuedToken {
    authorization: HeaderValue,
    lifetime: Duration,
}

impl IssuedToken {
    /// Takes the token and how long it lives from now.
    ///
    /// # Errors
    /// [`IdentityError::NotAHeaderValue`]
    pub fn new(token: &str, lifetime: Duration) -> Result<Self, IdentityError> {
        let header = Zeroizing::new(format!("Bearer {token}"));
        let mut authorization =
            HeaderValue::from_str(&header).map_err(|_| IdentityError::NotAHeaderValue)?;
        authorization.set_sensitive(true);
        Ok(Self {
            authorization,
            lifetime,
        })
    }

    /// The header.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// The token itself, for what takes it as a password.
    pub fn token(&self) -> Option<SecretString> {
        token(&self.authorization)
    }

    /// How long it lives from when it was issued.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

/// The token of a header.
fn token(authorization: &HeaderValue) -> Option<SecretString> {
    let token = authorization.to_str().ok()?.strip_prefix("Bearer ")?;
    Some(token.into())
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuedToken(redacted, {:?})", self.lifetime)
    }
}

struct CachedToken {
    authorization: HeaderValue,
    ends: Instant,
}

/// How many fetches came out how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshCounts {
    /// Fetches that gave a token.
    pub success: u64,
    /// Fetches that did not.
    pub failure: u64,
}

/// The identity's token, as requests see it.
#[derive(Default)]
pub struct Identity {
    held: ArcSwapOption<CachedToken>,
    /// When it ends, in seconds since 1970; 0 before the first.
    expires_unix_s: AtomicU64,
    success: AtomicU64,
    failure: AtomicU64,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity(redacted, {:?})", self.refreshes())
    }
}

impl Identity {
    /// The `authorization` header while the token lives.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let held = self.held.load();
        let held = held.as_ref().filter(|held| Instant::now() < held.ends)?;
        Some(held.authorization.clone())
    }

    /// The token itself while it lives, for what takes it as a password.
    pub fn token(&self) -> Option<SecretString> {
        token(&self.authorization()?)
    }

    /// When the token ends, in seconds since 1970; `None` before the first.
    pub fn expires_unix_s(&self) -> Option<u64> {
        Some(self.expires_unix_s.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// How the fetches came out.
    pub fn refreshes(&self) -> RefreshCounts {
        RefreshCounts {
            success: self.success.load(Ordering::Relaxed),
            failure: self.failure.load(Ordering::Relaxed),
        }
    }

    /// Refreshes until told to stop.
    pub async fn keep_fresh(
        self: Arc<Self>,
        source: Arc<dyn TokenSource>,
        stop: CancellationToken,
    ) {
        let mut backoff = Backoff::new(FIRST_BACKOFF, MAX_BACKOFF).with_jitter();
        loop {
            let wait = match self.refresh(source.as_ref()).await {
                Ok(lifetime) => {
                    backoff.reset();
                    with_jitter(lifetime / 2).max(MIN_REFRESH)
                }
                Err(error) => {
                    let wait = backoff.pause_up_to(self.longest_wait());
                    let failures = backoff.failures();
                    tracing::warn!(%error, failures, retry_in_ms = wait.as_millis(), has_token = self.authorization().is_some(), "the identity's token could not be fetched");
                    wait
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Fetches once; gives the new token's life.
    async fn refresh(&self, source: &dyn TokenSource) -> Result<Duration, IdentityError> {
        let fetched = timeout(FETCH_TIMEOUT, source.fetch()).await;
        let token = fetched
            .unwrap_or(Err(IdentityError::Timeout))
            .inspect_err(|_| {
                self.failure.fetch_add(1, Ordering::Relaxed);
            })?;
        let lifetime = token.lifetime;
        let ends = unix_time::now() + lifetime;
        self.expires_unix_s.store(ends.as_secs(), Ordering::Relaxed);
        self.held.store(Some(Arc::new(CachedToken {
            authorization: token.authorization,
            ends: Instant::now() + lifetime.saturating_sub(ON_THE_WAY),
        })));
        self.success.fetch_add(1, Ordering::Relaxed);
        tracing::info!(
            lifetime_s = lifetime.as_secs(),
            "the identity's token was fetched"
        );
        Ok(lifetime)
    }

    fn longest_wait(&self) -> Duration {
        match self.authorization() {
            Some(_) => MAX_BACKOFF,
            None => MAX_BACKOFF_WITHOUT_TOKEN,
        }
    }
}

#[cfg(test)]
mod tests;
