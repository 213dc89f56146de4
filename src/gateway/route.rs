//! The backends of one request: which are asked, in which order, and what is learned from each attempt.
//!
//! Envoy makes the attempts without asking again. So the order goes out with the request, with path and
//! identity at each backend, and how each attempt has ended comes back with the answer's headers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::decide::Decision;
use super::forward::Forwarded;
use super::refusal::{Reason, Refusal};
use super::state::Gateway;
use crate::access::Endpoint;
use crate::envoy_config::MAX_ATTEMPTS;
use crate::upstream::{Choice, Member, NoBackend, Rejections, Rest, UnderWay};

/// The path of a request that names its deployment begins so.
const DEPLOYMENTS: &str = "/openai/deployments/";
/// How long a deployment rests that answers 429 and does not say for how long.
const DEFAULT_REST: Duration = Duration::from_secs(1);

/// The way of a request.
pub(crate) struct Way {
    /// In their order, at least one.
    pub(crate) hops: Vec<Hop>,
    /// It may be made again at the next backend when one has failed to answer it.
    pub(crate) repeats: bool,
}

/// A request at one backend.
pub(crate) struct Hop {
    pub(crate) backend: Arc<str>,
    /// Host and port: an Envoy that leads elsewhere by this name does not send it.
    pub(crate) address: Option<String>,
    pub(crate) path: String,
    pub(crate) authorization: HeaderValue,
}

/// Which backends a request may have been made at.
pub(crate) struct Asked {
    choices: Vec<Choice>,
    /// Counts it as under way at the first; none where it has no choice.
    _under_way: Option<UnderWay>,
}

/// How an attempt has ended, as far as its headers say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) status: u16,
    /// How long the backend wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// What it says of its provisioned throughput.
    pub(crate) utilization: Option<String>,
}

/// Chooses the backends of a request; `None` where there is only one, which Envoy knows.
///
/// # Errors
/// The refusal where no backend may be asked.
pub(crate) fn choose(
    gateway: &Gateway,
    forwarded: &Forwarded,
) -> Result<Option<(Way, Asked)>, Refusal> {
    let decision = &forwarded.outgoing.admitted.decision;
    if !decision.pools.is_pooled() {
        return Ok(None);
    }
    let called = forwarded.outgoing.deployment.as_ref();
    let called = called.map(|name| name.as_str());
    let (choices, under_way) = match is_at_home(&decision.target.endpoint) {
        true => (at_home(decision, called), None),
        false => {
            let order = order(forwarded, called)?;
            (order.choices, Some(order.under_way))
        }
    };
    let path = forwarded.path.as_deref().or(decision.path.as_deref());
    let path = path.ok_or(Reason::NoDecision)?;
    let mut hops = Vec::with_capacity(choices.len());
    let mut asked = Vec::with_capacity(choices.len());
    for choice in choices {
        // One whose identity has no token just now is not asked.
        if let Some(authorization) = choice.backend.authorization(&gateway.identity) {
            hops.push(Hop {
                backend: Arc::clone(&choice.backend.name),
                address: choice.backend.address.clone(),
                path: path_at(path, &choice.deployment),
                authorization,
            });
            asked.push(choice);
        }
    }
    if hops.is_empty() {
        return Err(Reason::NoIdentity.into());
    }
    let way = Way {
        hops,
        repeats: !matches!(decision.target.endpoint, Endpoint::Realtime { .. }),
    };
    let asked = Asked {
        choices: asked,
        _under_way: under_way,
    };
    Ok(Some((way, asked)))
}

/// What the service stores is at one backend, and so is what refers to it.
const fn is_at_home(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Stored { .. } => true,
        Endpoint::Create { operation, .. } => operation.is_stored(),
        Endpoint::Models | Endpoint::Realtime { .. } => false,
    }
}

fn at_home(decision: &Decision, called: Option<&str>) -> Vec<Choice> {
    let name = called.map_or("", |name| decision.pools.name_at_home(name));
    let home = decision.pools.home();
    let choice = home.map(|home| Choice {
        backend: Arc::clone(home),
        deployment: name.into(),
    });
    choice.into_iter().collect()
}

/// The order, of backends that the product allows and that call the deployment as this request does.
fn order(forwarded: &Forwarded, called: Option<&str>) -> Result<crate::upstream::Order, Refusal> {
    let outgoing = &forwarded.outgoing;
    let decision = &outgoing.admitted.decision;
    let products = &decision.caller.client.products;
    let product = outgoing.product.as_ref();
    let is_pinned = |member: &Member| {
        // What is of no product is of all of them.
        let mut products = products
            .iter()
            .filter(|it| product.is_none_or(|id| it.id == *id));
        products.all(|product| {
            let backends = product.backends.as_ref();
            backends.is_none_or(|allowed| allowed.contains(&member.backend.name))
        })
    };
    let is_named_so = |member: &Member| match (&decision.target.endpoint, called) {
        // Each attempt has its own path.
        (
            Endpoint::Create {
                deployment: Some(_),
                ..
            },
            _,
        )
        | (_, None) => true,
        (Endpoint::Realtime { .. }, Some(called)) => member.name(called) == called,
        (_, Some(called)) => member.name(called) == decision.pools.name_in_body(called),
    };
    let now = Instant::now();
    let pool = decision.pools.of(called);
    let order = pool.order(called.unwrap_or_default(), now, MAX_ATTEMPTS, |member| {
        is_pinned(member) && is_named_so(member)
    });
    order.map_err(|none| match none {
        NoBackend::NotAllowed => Reason::BackendNotAllowed.into(),
        NoBackend::Resting(until) => Refusal::retrying_in(
            Reason::BackendsResting,
            until.saturating_duration_since(now),
        ),
    })
}

/// The path at a backend. Names of deployments are checked, so they need no escapes.
fn path_at(path: &str, deployment: &str) -> String {
    let named = path.strip_prefix(DEPLOYMENTS);
    match named.and_then(|rest| rest.split_once('/')) {
        Some((_, rest)) if !deployment.is_empty() => format!("{DEPLOYMENTS}{deployment}/{rest}"),
        _ => path.to_owned(),
    }
}

impl Asked {
    /// The backend that is asked first.
    pub(super) fn first(&self) -> Option<Arc<str>> {
        self.choices.first().map(|it| Arc::clone(&it.backend.name))
    }

    /// Learns from all attempts of a request, the last of which answers it; gives the name of the backend
    /// that does.
    pub(super) fn learn(
        &self,
        notes: &HashMap<String, Attempt>,
        attempts: Option<u32>,
        status: u16,
    ) -> Option<Arc<str>> {
        let now = Instant::now();
        let made = attempts
            .and_then(|it| usize::try_from(it).ok())
            .unwrap_or(1);
        let last = made.clamp(1, self.choices.len().max(1)) - 1;
        let has_answered = notes.get(&*self.choices.get(last)?.backend.name);
        let is_answered = has_answered.is_some() && !is_failure(status);
        for (nth, choice) in self.choices.iter().take(last + 1).enumerate() {
            let note = notes.get(&*choice.backend.name);
            if nth == last && is_answered {
                choice.backend.served(&choice.deployment, now);
            } else {
                choice.backend.count_failure();
                failed(choice, note, is_answered, now);
            }
            if let Some(text) = note.and_then(|it| it.utilization.as_deref()) {
                choice.backend.utilization(text);
            }
        }
        self.choices
            .get(last)
            .map(|it| Arc::clone(&it.backend.name))
    }
}

/// What a failed attempt says of its backend. One that has not said how long to leave it alone is to blame
/// only where another backend has answered the very same request: a caller could send requests that nobody
/// can answer, to take the backends away from all others.
fn failed(choice: &Choice, note: Option<&Attempt>, is_answered: bool, now: Instant) {
    let (backend, deployment) = (&choice.backend, &*choice.deployment);
    match note {
        Some(note) if Rejections::is_one(note.status) => {
            backend.whole(|it| it.failed(now, Rest::IdentityRejected));
        }
        Some(Attempt {
            retry_after: Some(time),
            ..
        }) => backend.deployment(deployment, |it| it.rest(now, *time, Rest::Throttled)),
        Some(Attempt { status: 429, .. }) => {
            backend.deployment(deployment, |it| it.rest(now, DEFAULT_REST, Rest::Throttled));
        }
        Some(_) if is_answered => {
            backend.deployment(deployment, |it| it.failed(now, Rest::Failing))
        }
        // No answer at all.
        None if is_answered => backend.whole(|it| it.failed(now, Rest::Failing)),
        _ => {}
    }
}

/// What another backend may answer better.
const fn is_failure(status: u16) -> bool {
    matches!(status, 401 | 403 | 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests;
