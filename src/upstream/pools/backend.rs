//! One Azure OpenAI resource, and what is known of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use http::HeaderValue;
use tokio::time::Instant;

use super::failures::FailuresInARow;
use super::health::{Availability, Health, Rest};
use crate::upstream::{Identity, IdentityConfig, RejectionCounts, Rejections, Resource};

/// How many deployments of a backend may rest apart from it; their names are the operator's.
pub(crate) const MAX_DEPLOYMENTS: usize = 10_000;

/// How a backend is paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// Provisioned throughput, which is paid whether or not it is used.
    Ptu,
    /// By the token.
    #[default]
    Payg,
}

impl Tier {
    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ptu => "ptu",
            Self::Payg => "payg",
        }
    }

    /// What is paid anyway is used first.
    pub const fn priority(self) -> u32 {
        match self {
            Self::Ptu => 0,
            Self::Payg => 1,
        }
    }
}

/// One Azure OpenAI resource.
pub struct Backend {
    /// Its name in metrics, audit log and metadata.
    pub name: Arc<str>,
    /// How it is paid for.
    pub tier: Tier,
    /// Where it is.
    pub region: Option<Arc<str>>,
    /// Who the gateway is to it; `None`: as to all others.
    pub identity: Option<IdentityConfig>,
    /// Host and port where it is reached: what is known of it is another's where this is, and its identity goes
    /// nowhere else. `None`: only Envoy knows.
    pub address: Option<String>,
    /// The version of dated APIs that it is asked in; `None`: that of the caller.
    pub api_version: Option<Arc<str>>,
    /// Where the gateway asks it itself; `None`: nothing of it can be asked for later.
    pub resource: Option<Resource>,
    /// How often it is probed; `None`: never.
    pub probe_every: Option<Duration>,
    known: ArcSwap<Known>,
}

/// What is known of a backend: it outlives a change of the configuration.
#[derive(Default)]
struct Known {
    health: Health,
    deployments: DashMap<Arc<str>, Arc<Health>>,
    identity: Arc<Identity>,
    served: AtomicU64,
    failed: AtomicU64,
    row: FailuresInARow,
    /// Its last probe failed.
    fails_probes: AtomicBool,
    rejections: Rejections,
    utilization: ArcSwap<Option<Arc<str>>>,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({})", self.name)
    }
}

impl Backend {
    /// A backend of which nothing is known yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            tier: Tier::default(),
            region: None,
            identity: None,
            address: None,
            api_version: None,
            resource: None,
            probe_every: None,
            known: ArcSwap::default(),
        }
    }

    /// Takes over what was known of it.
    pub(super) fn adopt(&self, last: &Self) {
        let is_same_principal = match (&self.identity, &last.identity) {
            (Some(own), Some(last)) => own.is_same_principal(last),
            (None, None) => true,
            _ => false,
        };
        if self.address == last.address && is_same_principal {
            self.known.store(last.known.load_full());
        }
    }

    /// Its own identity, to be kept fresh.
    pub fn own_identity(&self) -> Option<(IdentityConfig, Arc<Identity>)> {
        let config = self.identity.clone()?;
        Some((config, Arc::clone(&self.known.load().identity)))
    }

    /// The header with its own identity, or else the common one.
    pub fn authorization(&self, common: &Identity) -> Option<HeaderValue> {
        match self.identity {
            Some(_) => self.known.load().identity.authorization(),
            None => common.authorization(),
        }
    }

    /// Whether it may be asked at all; what has no identity of its own has the common one.
    fn whole_at(&self, known: &Known, now: Instant) -> Availability {
        match self.identity.is_some() && known.identity.authorization().is_none() {
            true => Availability::NoToken,
            false => known.health.at(now),
        }
    }

    /// Whether it may be asked for a deployment.
    pub fn availability(&self, deployment: &str, now: Instant) -> Availability {
        let known = self.known.load();
        let of_deployment = known.deployments.get(deployment).map(|it| it.at(now));
        match (self.whole_at(&known, now), of_deployment) {
            (Availability::NoToken, _) => Availability::NoToken,
            (Availability::Resting(a, why), Some(Availability::Resting(b, other))) => match a > b {
                true => Availability::Resting(a, why),
                false => Availability::Resting(b, other),
            },
            (resting @ Availability::Resting(..), _) => resting,
            (_, Some(resting @ Availability::Resting(..))) => resting,
            (Availability::Trial, _) | (_, Some(Availability::Trial)) => Availability::Trial,
            (Availability::Full, _) | (_, Some(Availability::Full)) => Availability::Full,
            _ => Availability::Ready,
        }
    }

    /// Takes the one trial of what has rested.
    pub(super) fn take_trial(&self, deployment: &str, now: Instant) -> bool {
        let known = self.known.load();
        let of_deployment = known.deployments.get(deployment).map(|it| Arc::clone(&it));
        let mut halves = std::iter::once(&known.health).chain(of_deployment.as_deref());
        halves.all(|health| match health.at(now) {
            Availability::Trial => health.take_trial(now),
            Availability::Ready | Availability::Full => true,
            // Another request has been quicker.
            Availability::Resting(..) | Availability::NoToken => false,
        })
    }

    /// The health of all of it.
    pub fn whole(&self, note: impl FnOnce(&Health)) {
        note(&self.known.load().health);
    }

    /// The health of one of its deployments.
    pub fn deployment(&self, name: &str, note: impl FnOnce(&Health)) {
        let known = self.known.load();
        if let Some(health) = known.deployments.get(name).map(|it| Arc::clone(&it)) {
            return note(&health);
        }
        if known.deployments.len() >= MAX_DEPLOYMENTS {
            return note(&known.health);
        }
        let health = known.deployments.entry(name.into()).or_default();
        let health = Arc::clone(&health);
        note(&health);
    }

    /// It has answered a request for a deployment.
    pub fn served(&self, deployment: &str, now: Instant) {
        let known = self.known.load();
        known.served.fetch_add(1, Ordering::Relaxed);
        known.row.end(&self.name);
        known.health.served(now);
        if let Some(health) = known.deployments.get(deployment) {
            health.served(now);
        }
    }

    /// An attempt has failed, with a status or without an answer.
    pub fn failed(&self, status: Option<u16>) {
        let known = self.known.load();
        known.failed.fetch_add(1, Ordering::Relaxed);
        known.row.add(&self.name, status);
    }

    /// How many requests it has answered.
    pub fn served_so_far(&self) -> u64 {
        self.known.load().served.load(Ordering::Relaxed)
    }

    /// How a probe has ended: with a status, or without an answer. It counts as a request does, but while it answers
    /// requests, no probe lets it rest; and what requests have found is not undone by one.
    pub fn probed(&self, status: Option<u16>, is_in_use: bool, now: Instant) {
        let known = self.known.load();
        if let Some(status) = status {
            self.answered(status);
        }
        let why = match status {
            // It is well, and has too much to do.
            Some(429) => return,
            Some(401 | 403) => Rest::IdentityRejected,
            None | Some(408 | 500..) => Rest::Failing,
            Some(_) => {
                if known.fails_probes.swap(false, Ordering::Relaxed) {
                    known.row.end(&self.name);
                    known.health.served(now);
                }
                return;
            }
        };
        known.fails_probes.store(true, Ordering::Relaxed);
        self.failed(status);
        if !is_in_use {
            known.health.failed(now, why);
        }
    }

    /// The status of an answer of its, which may say that it does not accept the identity.
    pub fn answered(&self, status: u16) {
        self.known.load().rejections.note(status, &self.name);
    }

    /// What it has against the identity, and what to do about it.
    pub fn concern(&self) -> Option<String> {
        self.known.load().rejections.concern(&self.name)
    }

    /// What it says of its provisioned throughput.
    pub fn utilization(&self, text: &str) {
        let known = self.known.load();
        known.utilization.store(Arc::new(Some(text.into())));
    }

    /// What is known of it, for people.
    pub fn report(&self, now: Instant) -> BackendReport {
        let known = self.known.load();
        let mut resting: Vec<_> = known
            .deployments
            .iter()
            .filter_map(|entry| match entry.at(now) {
                Availability::Ready => None,
                other => Some((Arc::clone(entry.key()), other)),
            })
            .collect();
        resting.sort_by(|(a, _), (b, _)| a.cmp(b));
        BackendReport {
            name: Arc::clone(&self.name),
            tier: self.tier,
            region: self.region.clone(),
            availability: self.whole_at(&known, now),
            resting,
            served: known.served.load(Ordering::Relaxed),
            failed: known.failed.load(Ordering::Relaxed),
            failures_in_a_row: known.row.count(),
            rejections: known.rejections.counts(),
            utilization: (**known.utilization.load()).clone(),
        }
    }
}

/// The state of a backend at a moment.
#[derive(Clone, Debug)]
pub struct BackendReport {
    /// Its name.
    pub name: Arc<str>,
    /// How it is paid for.
    pub tier: Tier,
    /// Where it is.
    pub region: Option<Arc<str>>,
    /// Whether it may be asked at all.
    pub availability: Availability,
    /// Its deployments that may not be asked as others are, by their names there.
    pub resting: Vec<(Arc<str>, Availability)>,
    /// Requests that it has answered.
    pub served: u64,
    /// Attempts that it has failed.
    pub failed: u64,
    /// Those since its last answer, without those that only say that it has too much to do.
    pub failures_in_a_row: u64,
    /// How often it has not accepted the identity.
    pub rejections: RejectionCounts,
    /// What it last said of its provisioned throughput.
    pub utilization: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_let_it_rest_only_while_nobody_is_served_and_let_it_return() {
        let (backend, now) = (Backend::new("sweden"), Instant::now());
        let probed = |status, is_in_use| {
            for _ in 0..5 {
                backend.probed(status, is_in_use, now);
            }
            backend.availability("gpt-4o", now)
        };
        assert_eq!(probed(Some(503), true), Availability::Ready);
        assert_eq!(backend.report(now).failures_in_a_row, 5);
        assert_eq!(probed(Some(429), false), Availability::Ready);
        let resting = probed(None, false);
        assert!(matches!(resting, Availability::Resting(_, Rest::Failing)));
        assert_eq!(probed(Some(200), false), Availability::Ready);
        assert_eq!(backend.report(now).failures_in_a_row, 0);
        let rejected = probed(Some(401), false);
        assert!(matches!(
            rejected,
            Availability::Resting(_, Rest::IdentityRejected)
        ));
        assert!(backend.concern().is_some());
        assert_eq!(probed(Some(200), false), Availability::Ready);
        assert_eq!(backend.concern(), None);
    }

    #[test]
    fn a_probe_that_is_answered_does_not_undo_what_requests_have_found() {
        let (backend, now) = (Backend::new("sweden"), Instant::now());
        for _ in 0..5 {
            backend.whole(|it| it.failed(now, Rest::Failing));
        }
        backend.probed(Some(200), false, now);
        let resting = backend.availability("gpt-4o", now);
        assert!(matches!(resting, Availability::Resting(..)), "{resting:?}");
    }
}
