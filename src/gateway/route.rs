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
use super::reach::Reach;
use super::refusal::{Reason, Refusal};
use super::state::Gateway;
use crate::access::{Deployment, Endpoint, Product, ProductId, Wanted};
use crate::upstream::{
    Backend, Choice, MAX_ATTEMPTS, Member, NoBackend, Order, Rejections, Rest, UnderWay, Wish,
};

/// The path of a request that names its deployment begins so.
const DEPLOYMENTS: &str = "/openai/deployments/";
/// How long a deployment rests that answers 429 and does not say for how long.
const DEFAULT_REST: Duration = Duration::from_secs(1);
/// Statuses of what another backend may answer better.
pub(crate) const FAILURES: [u16; 8] = [401, 403, 408, 429, 500, 502, 503, 504];
/// The longest rest where no backend has answered the request. Another caller's may well be answered: one that
/// asks for more than anybody gives could take the deployment from all others.
const MAX_REST_UNANSWERED: Duration = Duration::from_secs(5);

/// Where a request goes, and what it is called there.
pub(crate) struct Chosen {
    pub(crate) way: Way,
    pub(crate) asked: Asked,
    /// What a body calls the deployment.
    pub(super) name: Arc<str>,
}

/// The way of a request.
pub(crate) struct Way {
    /// In their order, at least one.
    pub(crate) hops: Vec<Hop>,
    /// It may be made again at the next backend when one has failed to answer it.
    pub(crate) repeats: bool,
    /// The path is not the caller's.
    pub(crate) has_new_path: bool,
    /// Envoy chooses by what it is told. Elsewhere it knows the one backend that there is.
    pub(crate) is_pooled: bool,
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
    /// At least one.
    choices: Vec<Choice>,
    /// Counts it as under way at the first, and then at the one that answers.
    under_way: Option<UnderWay>,
    is_pooled: bool,
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

/// What a backend is sought for.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    /// The deployment, if it is known.
    pub(super) deployment: Option<&'a Deployment>,
    /// The product that allows it, if that is known.
    pub(super) product: Option<&'a ProductId>,
    /// It is not asked for elsewhere: one backend may have made what another one would make again.
    pub(super) is_made_once: bool,
    /// Which backends its Envoy leads to.
    pub(super) reach: &'a Reach,
}

/// Chooses the backends of a request.
///
/// # Errors
/// The refusal where no backend may be asked.
pub(super) fn choose(
    gateway: &Gateway,
    decision: &Decision,
    sought: Sought<'_>,
) -> Result<Chosen, Refusal> {
    let endpoint = &decision.target.endpoint;
    let reach = sought.reach;
    let is_pooled = reach.chooses(decision.pools.is_pooled());
    let called = sought.deployment.map(Deployment::as_str);
    let (choices, under_way) = match !decision.pools.is_pooled() || is_at_home(endpoint) {
        true => at_home(decision, reach, called)?,
        false => {
            let order = order(gateway, decision, sought)?;
            (order.choices, Some(order.under_way))
        }
    };
    let new_path = decision.target.rewritten.as_deref();
    let path = new_path.unwrap_or(&decision.path);
    let hop = |choice: &Choice| {
        let backend = choice.backend();
        Some(Hop {
            backend: Arc::clone(&backend.name),
            address: backend.address.clone(),
            path: path_at(path, &choice.deployment),
            authorization: backend.authorization(&gateway.identity)?,
        })
    };
    // One whose token has ended since the order was made is not asked.
    let (hops, choices): (Vec<_>, Vec<_>) = choices
        .into_iter()
        .filter_map(|choice| Some((hop(&choice)?, choice)))
        .unzip();
    let first = choices.first().ok_or(Reason::NoIdentity)?;
    let has_new_path = hops.iter().any(|hop: &Hop| hop.path != decision.path);
    let name = match (endpoint, called) {
        // The body's is not read there, and says what was authorised.
        (
            Endpoint::Create {
                deployment: Some(_),
                ..
            },
            Some(called),
        ) => called.into(),
        _ => Arc::clone(&first.deployment),
    };
    Ok(Chosen {
        way: Way {
            hops,
            repeats: !matches!(endpoint, Endpoint::Realtime { .. }),
            has_new_path,
            is_pooled,
        },
        asked: Asked {
            choices,
            under_way,
            is_pooled,
        },
        name,
    })
}

/// The backend that has what the service stores, alone.
fn at_home(
    decision: &Decision,
    reach: &Reach,
    called: Option<&str>,
) -> Result<(Vec<Choice>, Option<UnderWay>), Refusal> {
    let home = decision.pools.at_home(called.unwrap_or_default());
    if home
        .as_ref()
        .is_some_and(|it| !reach.leads_to(it.backend()))
    {
        return Err(Reason::EnvoyOutOfDate.into());
    }
    let under_way = home.as_ref().map(Choice::begin);
    Ok((home.into_iter().collect(), under_way))
}

/// What the service stores is at one backend, and so is what refers to it.
const fn is_at_home(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Stored { .. } => true,
        Endpoint::Create { operation, .. } => operation.is_stored(),
        Endpoint::Models | Endpoint::Realtime { .. } => false,
    }
}

/// The order, of backends that the product allows and that call the deployment as this request does.
fn order(gateway: &Gateway, decision: &Decision, sought: Sought<'_>) -> Result<Order, Refusal> {
    let called = sought.deployment.map(Deployment::as_str);
    let reach = sought.reach;
    let endpoint = &decision.target.endpoint;
    let products = &decision.caller.client.products;
    let asked = decision.asked_for(endpoint.operation());
    let may_go_to = |product: &Product, member: &Member| {
        let allowed = product.backends.as_ref();
        allowed.is_none_or(|it| it.contains(&member.backend.name))
    };
    let is_allowed = |member: &Member| match sought.product {
        Some(id) => {
            let mut product = products.iter().filter(|it| it.id == *id);
            product.all(|it| may_go_to(it, member))
        }
        // What is of no product is allowed by any that allows the operation.
        None => products
            .iter()
            .any(|it| it.check(&asked, Wanted::NotYetKnown).is_ok() && may_go_to(it, member)),
    };
    // A session has the name that its caller wrote.
    let is_session = matches!(endpoint, Endpoint::Realtime { .. });
    let is_named_so = |member: &Member| match called {
        Some(called) if is_session => member.name(called) == called,
        _ => true,
    };
    let now = Instant::now();
    let wish = Wish {
        called: called.unwrap_or_default(),
        most: match reach.chooses(true) && !sought.is_made_once {
            true => MAX_ATTEMPTS,
            false => 1,
        },
        has_one_name: matches!(
            endpoint,
            Endpoint::Create {
                deployment: None,
                ..
            }
        ),
    };
    let has_token = |backend: &Backend| backend.authorization(&gateway.identity).is_some();
    let pool = decision.pools.of(called);
    let mut is_elsewhere = false;
    let order = pool.order(wish, now, has_token, |member| {
        let is_one = is_allowed(member) && is_named_so(member);
        let is_known = !is_one || reach.leads_to(&member.backend);
        is_elsewhere |= !is_known;
        is_one && is_known
    });
    let later =
        |reason, until: Instant| Refusal::retrying_in(reason, until.saturating_duration_since(now));
    order.map_err(|none| match none {
        NoBackend::NotAllowed if is_elsewhere => Reason::EnvoyOutOfDate.into(),
        NoBackend::NotAllowed => Reason::BackendNotAllowed.into(),
        NoBackend::NoToken => Reason::NoIdentity.into(),
        NoBackend::Resting(until) => later(Reason::BackendsResting, until),
        NoBackend::Rejecting(until) => later(Reason::BackendsRejecting, until),
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
        let first = self.choices.first();
        first.map(|it| Arc::clone(&it.backend().name))
    }

    /// Learns from all attempts of a request, the last of which answers it; gives the name of the backend
    /// that does.
    pub(super) fn learn(
        &mut self,
        notes: &HashMap<String, Attempt>,
        attempts: Option<u32>,
        status: u16,
    ) -> Option<Arc<str>> {
        let now = Instant::now();
        let made = attempts
            .and_then(|it| usize::try_from(it).ok())
            .unwrap_or(1);
        let last = made.clamp(1, self.choices.len().max(1)) - 1;
        let answering = self.choices.get(last)?;
        // Without a pool Envoy takes no notes, and the one backend is asked however it fares.
        let is_noted = !self.is_pooled || notes.contains_key(&*answering.backend().name);
        let is_answered = is_noted && !is_failure(status);
        for (nth, choice) in self.choices.iter().take(last + 1).enumerate() {
            let backend = choice.backend();
            let note = notes.get(&*backend.name);
            match note {
                Some(note) => backend.answered(note.status),
                None if !self.is_pooled => backend.answered(status),
                None => {}
            }
            if nth == last && is_answered {
                backend.served(&choice.deployment, now);
            } else {
                backend.failed(match self.is_pooled {
                    true => note.map(|it| it.status),
                    false => Some(status),
                });
                if self.is_pooled {
                    failed(choice, note, is_answered, now);
                }
            }
            if let Some(text) = note.and_then(|it| it.utilization.as_deref()) {
                backend.utilization(text);
            }
        }
        if last > 0 {
            self.under_way = Some(answering.begin());
        }
        Some(Arc::clone(&answering.backend().name))
    }
}

/// What a failed attempt says of its backend. One that has not said how long to leave it alone is to blame
/// only where another backend has answered the very same request, and no other is left alone for long: a caller
/// could send requests that nobody can answer, to take the backends away from all others.
fn failed(choice: &Choice, note: Option<&Attempt>, is_answered: bool, now: Instant) {
    let (backend, deployment) = (choice.backend(), &*choice.deployment);
    let rest = |time: Duration| {
        let longest = match is_answered {
            true => time,
            false => time.min(MAX_REST_UNANSWERED),
        };
        backend.deployment(deployment, |it| it.rest(now, longest, Rest::Throttled));
    };
    match note {
        Some(note) if Rejections::is_one(note.status) => {
            backend.whole(|it| it.failed(now, Rest::IdentityRejected));
        }
        Some(Attempt {
            retry_after: Some(time),
            ..
        }) => rest(*time),
        Some(Attempt { status: 429, .. }) => rest(DEFAULT_REST),
        Some(_) if is_answered => {
            backend.deployment(deployment, |it| it.failed(now, Rest::Failing))
        }
        // No answer at all.
        None if is_answered => backend.whole(|it| it.failed(now, Rest::Failing)),
        _ => {}
    }
}

fn is_failure(status: u16) -> bool {
    FAILURES.contains(&status)
}

#[cfg(test)]
mod tests;
