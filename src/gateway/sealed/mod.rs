//! Decisions that travel. ext_authz seals what it has found out, for one request; ext_proc of another replica that
//! shares the key opens it, and decides again by its own configuration.

mod message;
mod used;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::decide::Decision;
use super::pending::{DecisionId, NoRoom};
use crate::auth::{Proof, SealError, SealKeys};
use crate::telemetry::RequestContext;
use crate::unix_time;

pub(super) use message::Opened;
use message::Sealed;
pub(super) use used::Used;

/// How long a sealed decision can be opened. ext_proc comes within milliseconds.
const MAX_AGE: Duration = Duration::from_secs(10);
/// By how much the clocks of replicas may differ.
const MAX_SKEW: Duration = Duration::from_secs(5);

/// The request that a decision is sealed for. Both filters of one request see the same.
pub(crate) struct SealedFor {
    /// `:method`.
    pub(crate) method: String,
    /// `:path`, with its query.
    pub(crate) path: String,
    /// `x-request-id`, which Envoy makes.
    pub(crate) request_id: Arc<str>,
}

impl SealedFor {
    /// No two requests that differ in any of them have the same.
    fn bound(&self) -> Vec<u8> {
        let parts = [&*self.method, &*self.path, &*self.request_id];
        let length: usize = parts.iter().map(|it| it.len() + size_of::<u64>()).sum();
        let mut bound = Vec::with_capacity(length);
        for part in parts {
            bound.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            bound.extend_from_slice(part.as_bytes());
        }
        bound
    }
}

/// Why a sealed decision is refused that is not the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("no `decisions: {{ keys }}` here to open it with")]
    NoKeys,
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("it can't be read: do all replicas run the same version?")]
    Unreadable,
    #[error("it is too old, or the clocks of the replicas differ")]
    Expired,
    #[error("it has been used")]
    Used,
}

/// Seals a decision, for a request of its own.
pub(super) fn seal(
    keys: &SealKeys,
    id: DecisionId,
    method: &str,
    decision: &Decision,
    proof: &Proof,
    context: &RequestContext,
) -> Result<String, NoRoom> {
    let sealed = Sealed {
        id,
        at: SystemTime::now(),
        started: decision.started,
        proof,
        user: decision.caller.user.as_deref(),
        address: decision.address,
        announced_bytes: decision.announced_bytes,
        span: context.span.as_parent().map(|it| it.to_header()),
    };
    let bound = SealedFor {
        method: method.to_owned(),
        path: decision.path.clone(),
        request_id: Arc::clone(&context.request_id),
    };
    let sealed = keys.seal(&sealed.to_bytes(), &bound.bound());
    sealed.map_err(|_| NoRoom)
}

/// Opens a decision that was sealed for this request, and that nobody has taken here.
pub(super) fn unseal(
    keys: Option<&SealKeys>,
    used: &Used,
    sealed: &str,
    bound: &SealedFor,
) -> Result<Opened, Unusable> {
    let keys = keys.ok_or(Unusable::NoKeys)?;
    let bytes = keys.open(sealed, &bound.bound())?;
    let opened = message::read(&bytes).ok_or(Unusable::Unreadable)?;
    let until = good_until(opened.at, SystemTime::now()).ok_or(Unusable::Expired)?;
    match used.take(opened.id, until) {
        true => Ok(opened),
        false => Err(Unusable::Used),
    }
}

/// Until when a decision of a moment can be opened, if it can be at all.
fn good_until(sealed: SystemTime, now: SystemTime) -> Option<Duration> {
    let (sealed, now) = (unix_time::since_1970(sealed), unix_time::since_1970(now));
    let until = sealed.saturating_add(MAX_AGE);
    (now <= until && sealed <= now.saturating_add(MAX_SKEW)).then_some(until)
}

/// Until when a decision has to be remembered that is taken now, whenever it was sealed.
pub(super) fn remembered_until(now: SystemTime) -> Duration {
    unix_time::since_1970(now).saturating_add(MAX_AGE + MAX_SKEW)
}

#[cfg(test)]
mod tests;
