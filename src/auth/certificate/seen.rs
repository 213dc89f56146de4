//! Which certificates are in use and when they expire, for metrics and warnings.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::revocation::CrlState;

/// Most clients that are shown: each is a series.
const MAX_CLIENTS: usize = 1000;
/// A certificate that was not used for so long no longer counts.
const IN_USE: Duration = Duration::from_secs(3600);

/// A certificate of a client, as it is used.
#[derive(Debug)]
pub(super) struct Seen {
    not_after: Duration,
    /// In seconds since 1970.
    last_used: AtomicU64,
}

impl Seen {
    pub(super) fn use_at(&self, now: Duration) {
        self.last_used.store(now.as_secs(), Ordering::Relaxed);
    }

    fn is_in_use(&self, now: Duration) -> bool {
        let idle = now
            .as_secs()
            .saturating_sub(self.last_used.load(Ordering::Relaxed));
        idle < IN_USE.as_secs()
    }
}

/// When the certificate of a client expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientExpiry {
    /// The client.
    pub client: Arc<str>,
    /// In seconds since 1970.
    pub not_after_unix_s: u64,
}

/// What metrics say of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityState {
    /// Its name.
    pub name: Arc<str>,
    /// How many trust anchors it has; without any, no certificate of it is accepted.
    pub anchors: usize,
    /// How many sources outside it fetches anchors from.
    pub sources: usize,
    /// How many of those have given none yet.
    pub sources_without_anchors: usize,
    /// How often sources gave anchors, and how often not.
    pub anchor_refreshes: (u64, u64),
    /// When its first certificate expires, in seconds since 1970.
    pub not_after_unix_s: Option<u64>,
    /// When its first revocation list expires, in seconds since 1970.
    pub next_update_unix_s: Option<u64>,
    /// The state of its revocation lists.
    pub crl: CrlState,
    /// Lists that were accepted, and those that were rejected.
    pub crl_refreshes: (u64, u64),
}

/// For each client the certificate in use that expires first.
#[derive(Default)]
pub(super) struct SeenCertificates(Mutex<HashMap<Arc<str>, Arc<Seen>>>);

impl SeenCertificates {
    /// Notes a certificate that a new verdict is about.
    pub(super) fn note(&self, client: Arc<str>, not_after: Duration, now: Duration) -> Arc<Seen> {
        let new = Arc::new(Seen {
            not_after,
            last_used: AtomicU64::new(now.as_secs()),
        });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = all.len() < MAX_CLIENTS;
        match all.get_mut(&client) {
            Some(old) if old.not_after < not_after && old.is_in_use(now) => {}
            Some(old) => *old = Arc::clone(&new),
            None if has_room => {
                all.insert(client, Arc::clone(&new));
            }
            None => {}
        }
        new
    }

    pub(super) fn expiries(&self, now: Duration) -> Vec<ClientExpiry> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = all.iter().filter(|(_, seen)| seen.is_in_use(now));
        used.map(|(client, seen)| ClientExpiry {
            client: Arc::clone(client),
            not_after_unix_s: seen.not_after.as_secs(),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hours(count: u64) -> Duration {
        Duration::from_secs(count * 3600)
    }

    #[test]
    fn the_certificate_in_use_that_ends_first_is_shown_until_it_is_replaced() {
        let seen = SeenCertificates::default();
        let shown = |at| {
            seen.expiries(at)
                .first()
                .map(|it| it.not_after_unix_s / 3600)
        };
        seen.note("a".into(), hours(500), hours(1));
        seen.note("a".into(), hours(900), hours(1));
        assert_eq!(shown(hours(1)), Some(500), "the one that ends first");
        seen.note("a".into(), hours(900), hours(3));
        assert_eq!(
            shown(hours(3)),
            Some(900),
            "the old one is no longer in use"
        );
        assert_eq!(shown(hours(5)), None, "nobody uses it");
    }
}
