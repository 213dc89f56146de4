//! Verdicts about chains, remembered until something changes that they rest on.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use super::CertificateError;
use super::seen::Seen;
use crate::access::Client;

/// Most chains that are remembered.
const MAX_VERDICTS: usize = 20_000;
/// How long a refusal is remembered: a certificate that is not valid yet becomes valid.
const REFUSAL_LIFE: Duration = Duration::from_secs(30);

/// A caller's certificate that was good.
#[derive(Clone)]
pub(super) struct Accepted {
    pub(super) client: Arc<Client>,
    pub(super) user: Option<Arc<str>>,
    pub(super) seen: Arc<Seen>,
}

pub(super) type Outcome = Result<Accepted, CertificateError>;

#[derive(Clone)]
struct Verdict {
    outcome: Outcome,
    /// Of the revocation lists that it rests on.
    generation: u64,
    /// In time since 1970.
    until: Duration,
}

/// Verdicts by the hash of everything that was presented.
pub(super) struct Verdicts(Cache<[u8; 32], Verdict>);

impl Default for Verdicts {
    fn default() -> Self {
        Self(Cache::new(MAX_VERDICTS))
    }
}

impl Verdicts {
    pub(super) fn get(&self, key: &[u8; 32], generation: u64, now: Duration) -> Option<Outcome> {
        let verdict = self.0.get(key)?;
        let is_current = verdict.generation == generation && now < verdict.until;
        is_current.then_some(verdict.outcome)
    }

    pub(super) fn put(
        &self,
        key: [u8; 32],
        outcome: &Outcome,
        generation: u64,
        now: Duration,
        until: Duration,
    ) {
        let until = match outcome {
            Ok(_) => until,
            Err(_) => now + REFUSAL_LIFE,
        };
        let outcome = outcome.clone();
        self.0.insert(
            key,
            Verdict {
                outcome,
                generation,
                until,
            },
        );
    }
}
