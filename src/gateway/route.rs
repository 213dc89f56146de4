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
use super::stored_at::StoredAt;
use crate::access::{
    ApiShape, Deployment, Endpoint, Operation, Product, ProductId, Wanted, with_api_version,
};
use crate::upstream::{
    Backend, Choice, MAX_ATTEMPTS, Member, NoBackend, Order, Rejections, Rest, UnderWay, Wish,
};

/// The path of a request that names its deployment begins so.
const DEPLOYMENTS: &str = "/openai/deployments/";
/// How long a deployment rests that answers 429 and does not say for how long.
const DEFAULT_REST: Duration = Duration::from_secs(1);
/// Statuses of what another backend may answer better.
pub(crate) const FAILURES: [u16; 8] = [401, 403, 408, 429, 500, 502, 503, 504];
/// Those of them before which nothing was done.
pub(crate) const REFUSALS: [u16; 3] = [401, 403, 429];
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
    /// When the next backend is asked.
    pub(crate) repeats: Repeats,
    /// The path is not the caller's.
    pub(crate) has_new_path: bool,
    pub(crate) told: Told,
}

/// What an Envoy is told of a way, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// No order: it knows the one backend that there is, and path and identity are in the headers.
    OfOne,
    /// The order in one header; path and identity in the headers are good for all of it.
    InHeaders,
    /// The order in one header; path and identity at each of them in metadata, and at the first in the headers, too.
    InMetadata,
    /// As [`Self::InMetadata`], and the order in each way that some configuration looks for.
    InEveryWay,
}

impl Told {
    fn of(reach: &Reach, is_pooled: bool, hops: &[Hop]) -> Self {
        let is_same = |a: &Hop, b: &Hop| a.path == b.path && a.authorization == b.authorization;
        let mut pairs = hops.windows(2);
        match (is_pooled, reach.takes_one_header()) {
            (false, _) => Self::OfOne,
            (true, false) => Self::InEveryWay,
            (true, true) if pairs.all(|two| matches!(two, [a, b] if is_same(a, b))) => {
                Self::InHeaders
            }
            (true, true) => Self::InMetadata,
        }
    }
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
    /// It has no more room, by its own account.
    pub(crate) is_full: bool,
}

/// What a backend is sought for.
pub(super) struct Sought<'a> {
    /// The deployment, if it is known.
    pub(super) deployment: Option<&'a Deployment>,
    /// The product that allows it, if that is known.
    pub(super) product: Option<&'a ProductId>,
    /// What is there afterwards.
    pub(super) makes: Makes,
    /// Where that is which it refers to.
    pub(super) stored_at: StoredAt,
    /// Which backends its Envoy leads to.
    pub(super) reach: &'a Reach,
}

/// What a request makes at its backend besides the answer. A second backend would make it once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Makes {
    /// Nothing.
    Nothing,
    /// Something that the service stores.
    Stored,
    /// Work that goes on, and is paid for, when the request has ended.
    Work,
}

/// After what a request may be made again at the next backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Only where no connection came about.
    Unsent,
    /// Also after a refusal, before which nothing was done.
    Refused,
    /// After every failure before the first byte of the answer.
    Failed,
}

impl Repeats {
    fn of(endpoint: &Endpoint, makes: Makes, repeats_stored: bool) -> Self {
        match (endpoint, makes) {
            (Endpoint::Realtime { .. }, _) => Self::Unsent,
            (_, Makes::Stored) if repeats_stored => Self::Failed,
            (_, Makes::Stored | Makes::Work) => Self::Refused,
            (_, Makes::Nothing) => Self::Failed,
        }
    }
}

/// Chooses the backends of a request.
///
/// # Errors
/// The refusal where no backend may be asked.
pub(super) fn choose(
    gateway: &Gateway,
    decision: &Decision,
    sought: &Sought<'_>,
) -> Result<Chosen, Refusal> {
    let endpoint = &decision.target.endpoint;
    let reach = sought.reach;
    let is_pooled = reach.chooses(decision.pools.is_pooled());
    let called = sought.deployment.map(Deployment::as_str);
    let Order { choices, under_way } = match (decision.pools.is_pooled(), &sought.stored_at) {
        (false, _) => alone(decision, reach, called)?,
        (true, StoredAt::Anywhere) => order(gateway, decision, sought)?,
        (true, StoredAt::Backend(name)) => stored(decision, sought, name.as_deref())?,
    };
    let new_path = decision.target.rewritten.as_deref();
    let path = new_path.unwrap_or(&decision.path);
    let hop = |choice: &Choice| {
        let backend = choice.backend();
        Some(Hop {
            backend: Arc::clone(&backend.name),
            address: backend.address.clone(),
            path: path_at(path, decision.target.shape, choice),
            authorization: backend.authorization(&gateway.identity)?,
        })
    };
    // One whose token has ended since the order was made is not asked.
    let (hops, choices): (Vec<_>, Vec<_>) = choices
        .into_iter()
        .filter_map(|choice| Some((hop(&choice)?, choice)))
        .unzip();
    let first = choices.first().ok_or(Reason::NoIdentity)?;
    let repeats_stored = decision.pools.of(called).repeats_stored();
    let repeats = Repeats::of(endpoint, sought.makes, repeats_stored);
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
            told: Told::of(reach, is_pooled, &hops),
            hops,
            repeats,
            has_new_path,
        },
        asked: Asked {
            choices,
            under_way: Some(under_way),
            is_pooled,
        },
        name,
    })
}

/// The backend that there is.
fn alone(decision: &Decision, reach: &Reach, called: Option<&str>) -> Result<Order, Refusal> {
    let only = decision.pools.at(None, called.unwrap_or_default());
    let only = only.ok_or(Reason::NoIdentity)?;
    let leads_there = reach.leads_to_only(only.backend());
    only_at(only, leads_there)
}

/// The backend that has what the request refers to, whether it rests or not: no other can answer.
fn stored(decision: &Decision, sought: &Sought<'_>, name: Option<&str>) -> Result<Order, Refusal> {
    let called = sought.deployment.map(Deployment::as_str);
    let pools = &decision.pools;
    if pools.keeper(name).is_none() {
        return Err(Reason::StoredNowhere.into());
    }
    // A pool says who may stand in for the deployment, whatever else is elsewhere by its name.
    let choice = pools.at(name, called.unwrap_or_default());
    let choice = choice.filter(|it| {
        let is_named_so = called.is_none_or(|called| *it.deployment == *called);
        let has_written_name = has_written_name(&decision.target.endpoint);
        is_allowed(decision, sought, it.backend()) && (is_named_so || !has_written_name)
    });
    let choice = choice.ok_or(Reason::StoredNotAllowed)?;
    let leads_there = sought.reach.leads_to(choice.backend());
    only_at(choice, leads_there)
}

fn only_at(choice: Choice, leads_there: bool) -> Result<Order, Refusal> {
    match leads_there {
        true => Ok(Order {
            under_way: choice.begin(),
            choices: vec![choice],
        }),
        false => Err(Reason::EnvoyOutOfDate.into()),
    }
}

/// Whether the products let a request go to a backend.
fn is_allowed(decision: &Decision, sought: &Sought<'_>, backend: &Backend) -> bool {
    let products = &decision.caller.client.products;
    let may_go_there = |product: &Product| {
        let allowed = product.backends.as_ref();
        allowed.is_none_or(|it| it.contains(&backend.name))
    };
    match sought.product {
        Some(id) => products.iter().any(|it| it.id == *id && may_go_there(it)),
        // What is of no product is allowed by any that allows the operation.
        None => {
            let asked = decision.asked_for(decision.target.endpoint.operation());
            let mut products = products.iter();
            products.any(|it| it.check(&asked, Wanted::NotYetKnown).is_ok() && may_go_there(it))
        }
    }
}

/// Whether a backend gets the deployment's name as the caller wrote it: in a session's query, and in the lines of a
/// file that a batch runs.
fn has_written_name(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Realtime { .. } => true,
        Endpoint::Create { operation, .. } => {
            matches!(operation, Operation::Files | Operation::Batches)
        }
        Endpoint::Stored { .. } | Endpoint::Models => false,
    }
}

/// The order, of backends that the product allows and that call the deployment as this request does.
fn order(gateway: &Gateway, decision: &Decision, sought: &Sought<'_>) -> Result<Order, Refusal> {
    let called = sought.deployment.map(Deployment::as_str);
    let reach = sought.reach;
    let endpoint = &decision.target.endpoint;
    let has_written_name = has_written_name(endpoint);
    let is_named_so = |member: &Member| match called {
        Some(called) if has_written_name => member.name(called) == called,
        _ => true,
    };
    let now = Instant::now();
    let reserves = gateway.policy().limits.reserves;
    let wish = Wish {
        called: called.unwrap_or_default(),
        most: match reach.chooses(true) {
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
        kept_percent: reserves.kept(decision.caller.client.limits.priority),
    };
    let has_token = |backend: &Backend| backend.authorization(&gateway.identity).is_some();
    let pool = decision.pools.of(called);
    let mut is_elsewhere = false;
    let order = pool.order(wish, now, has_token, |member| {
        let is_one = is_allowed(decision, sought, &member.backend) && is_named_so(member);
        let is_known = !is_one || reach.leads_to(&member.backend);
        is_elsewhere |= !is_known;
        is_one && is_known
    });
    let order = order.map(|mut order| {
        reach.arrange(&mut order.choices, |it| &it.backend().name);
        order
    });
    let later =
        |reason, until: Instant| Refusal::retrying_in(reason, until.saturating_duration_since(now));
    order.map_err(|none| match none {
        NoBackend::NotAllowed if is_elsewhere => Reason::EnvoyOutOfDate.into(),
        NoBackend::NotAllowed => Reason::BackendNotAllowed.into(),
        NoBackend::NoToken => Reason::NoIdentity.into(),
        NoBackend::Reserved(until) => later(Reason::BackendsReserved, until),
        NoBackend::Resting(until) => later(Reason::BackendsResting, until),
        NoBackend::Rejecting(until) => later(Reason::BackendsRejecting, until),
    })
}

/// The path at a backend, with its own name for the deployment and its own version of dated APIs.
fn path_at(path: &str, shape: ApiShape, choice: &Choice) -> String {
    let path = named_so(path, &choice.deployment);
    match &choice.backend().api_version {
        Some(version) if shape == ApiShape::Dated => with_api_version(&path, version),
        _ => path,
    }
}

/// Names of deployments are checked, so they need no escapes.
fn named_so(path: &str, deployment: &str) -> String {
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
        answer: &Attempt,
    ) -> Option<Arc<str>> {
        let status = answer.status;
        let now = Instant::now();
        let made = attempts
            .and_then(|it| usize::try_from(it).ok())
            .unwrap_or(1);
        let by_count = made.clamp(1, self.choices.len().max(1)) - 1;
        let has_noted = |choice: &Choice| {
            let note = notes.get(&*choice.backend().name);
            note.is_some_and(|note| note.status == status)
        };
        // Envoy may pass over one whose name has no address, and not count that: then it is a later one.
        let later = self.choices.iter().skip(by_count + 1).rposition(has_noted);
        let last = match self.choices.get(by_count) {
            Some(choice) if self.is_pooled && !has_noted(choice) => {
                later.map_or(by_count, |at| by_count + 1 + at)
            }
            _ => by_count,
        };
        let answering = self.choices.get(last)?;
        // Envoy notes failures. What is none comes from the backend: Envoy itself answers with errors alone.
        let own = Some(answer).filter(|it| self.is_pooled && (200..400).contains(&it.status));
        // Without a pool Envoy takes no notes, and the one backend is asked however it fares.
        let is_noted = !self.is_pooled || notes.contains_key(&*answering.backend().name);
        let is_answered = own.is_some() || (is_noted && !is_failure(status));
        for (nth, choice) in self.choices.iter().take(last + 1).enumerate() {
            let backend = choice.backend();
            let noted = notes.get(&*backend.name);
            // A note of the answer itself may say more than what of its headers comes this far.
            let of_answer = noted.filter(|it| it.status == status).or(own);
            let note = of_answer.filter(|_| nth == last).or(noted);
            match note {
                Some(note) => backend.answered(note.status),
                None if !self.is_pooled => backend.answered(status),
                None => {}
            }
            if nth == last && is_answered {
                backend.served(&choice.deployment, now);
                if note.is_some_and(|it| it.is_full) {
                    backend.deployment(&choice.deployment, |it| it.full(now));
                }
            } else {
                backend.failed(match self.is_pooled {
                    true => note.map(|it| it.status),
                    false => Some(status),
                });
                failed(choice, note, is_answered, now);
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
        Some(note) if Rejections::is_one(note.status) && is_answered => {
            backend.whole(|it| it.failed(now, Rest::IdentityRejected));
        }
        // It may be this operation alone that the role does not allow.
        Some(note) if Rejections::is_one(note.status) && !deployment.is_empty() => {
            let why = Rest::IdentityRejected;
            backend.deployment(deployment, |it| it.rest(now, DEFAULT_REST, why));
        }
        Some(note) if Rejections::is_one(note.status) => {}
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
