//! The console: a page that shows what the service knows, and changes nothing.
//!
//! Its figures are those of the commands and the metrics, from the same functions. One page is made at a time,
//! away from the threads that serve requests.

mod asked;
mod backends;
mod figures;
mod guard;
mod identities;
mod keys;
mod ledger;
mod limits;
mod page;
mod reasons;
mod refusals;
mod table;
mod usage;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub use ledger::LedgerPlaces;

use super::Readiness;
use super::backends::states;
use crate::control::Replica;
use crate::gateway::standings;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::telemetry::RecentRefusals;
use crate::usage::labels_of;
use asked::{Asked, today};
use guard::{Guard, answer, guarded};
use identities::Identities;
use keys::Key;
use ledger::{Answer, Ledger};
use page::Head;
use reasons::Reasons;
use table::Section;

const STYLE: &str = include_str!("style.css");
/// How long a page waits for others that are being made.
const TURN_TIMEOUT: Duration = Duration::from_secs(15);
/// Most labels that usage can be shown by.
const MAX_LABELS: usize = 100;

/// What the console shows besides what [`Readiness`] knows.
pub struct Sources {
    /// The names that it answers to, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Where usage is; `None`: none is kept.
    pub ledger: Option<LedgerPlaces>,
    /// The keys that are issued at run time.
    pub issued: Option<Arc<Replica>>,
    /// What is used of limits.
    pub limits: Arc<Limits>,
    /// The last refusals.
    pub refusals: Arc<RecentRefusals>,
}

/// The console.
pub struct Console {
    guard: Guard,
    ledger: Option<Ledger>,
    issued: Option<Arc<Replica>>,
    limits: Arc<Limits>,
    refusals: Arc<RecentRefusals>,
    reasons: Reasons,
    readiness: Arc<Readiness>,
    turn: Semaphore,
}

impl Console {
    /// A console on these sources.
    pub fn new(sources: Sources, readiness: Arc<Readiness>) -> Self {
        Self {
            guard: Guard::new(sources.hosts),
            ledger: sources.ledger.map(Ledger::new),
            issued: sources.issued,
            limits: sources.limits,
            refusals: sources.refusals,
            reasons: Reasons::new(),
            readiness,
            turn: Semaphore::new(1),
        }
    }

    /// Its pages, for GET and HEAD.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/console", get(show))
            .route("/console/style.css", get(style))
            .with_state(Arc::new(self))
    }
}

async fn style(State(console): State<Arc<Console>>, uri: Uri, headers: HeaderMap) -> Response {
    match console.guard.check(&uri, &headers) {
        Ok(()) => guarded("text/css; charset=utf-8", STYLE),
        Err(refused) => *refused,
    }
}

async fn show(
    State(console): State<Arc<Console>>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = console.guard.check(&uri, &headers) {
        return *refused;
    }
    let Ok(Ok(_turn)) = timeout(TURN_TIMEOUT, console.turn.acquire()).await else {
        let busy = "Other pages of the console are being made. Try again in a moment.\n";
        return answer(StatusCode::SERVICE_UNAVAILABLE, busy);
    };
    let asked = Asked::read(query.as_deref(), today());
    let status = match &asked {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let policy = console.readiness.policy.load_full();
    let answered = match (&asked, &console.ledger) {
        (Ok(asked), Some(ledger)) => ledger.ask(asked.clone(), Arc::clone(&policy.prices)).await,
        (Ok(_), None) => Err("this service keeps no ledger: it has no `data_directory`".to_owned()),
        (Err(_), _) => Err("nothing was asked for that can be shown".to_owned()),
    };
    let making = Arc::clone(&console);
    let made = spawn_blocking(move || making.page(&policy, asked, answered.as_ref())).await;
    match made {
        Ok(Ok(html)) => guarded("text/html; charset=utf-8", (status, html)),
        failed => {
            tracing::error!(?failed, "the console's page could not be made");
            answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The page could not be made; the log says why.\n",
            )
        }
    }
}

impl Console {
    /// Puts the page together. It looks at every key and limit, and belongs on a thread of its own.
    fn page(
        &self,
        policy: &Policy,
        asked: Result<Asked, String>,
        answered: Result<&Answer, &String>,
    ) -> Result<String, minijinja::Error> {
        let now = SystemTime::now();
        let why_not = answered.err().map(String::as_str).unwrap_or_default();
        let reports = answered.map(|it| [&it.reports.over_time, &it.reports.by]);
        let uses = answered.map(|it| it.uses.as_ref());
        let (keys, notes) = self.keys(policy);
        let sections = [
            usage::section(reports.map_err(|_| why_not)),
            self.limits(policy),
            keys::section(keys, uses.map_err(|_| why_not), notes, now),
            identities::section(self.identities(policy), now),
            backends::section(&states(&policy.pools)),
            refusals::section(&self.refusals.all(), &self.reasons),
        ];
        let state = match self.readiness.obstacle() {
            None => ("Requests are served.".to_owned(), true),
            Some(obstacle) => (format!("Not ready: {obstacle}."), false),
        };
        let head = Head {
            state,
            concerns: self.readiness.concerns(),
            made: figures::moment(now),
            form: asked.map(|it| it.form(labels(policy))),
        };
        page::render(&head, &sections)
    }

    fn limits(&self, policy: &Policy) -> Section {
        let shared = self.limits.shared_state();
        limits::section(&limits::Limits {
            standings: standings(&self.limits, policy),
            calendar: policy.limits.calendar.clone(),
            currency: policy.prices.currency().map(|it| it.to_string()),
            away_since: shared.and_then(|it| it.away).map(|it| it.since_ms),
        })
    }

    /// All keys, and what must be said of them.
    fn keys(&self, policy: &Policy) -> (Vec<Key>, Vec<String>) {
        let mut keys: Vec<_> = policy
            .keys
            .iter()
            .map(|key| Key::configured(&key))
            .collect();
        let mut notes = Vec::new();
        if let Some(replica) = &self.issued {
            let has_client = |key: &crate::auth::HeldKey| policy.clients.get(&key.client).is_some();
            let held = replica.keys().held().into_iter();
            keys.extend(held.map(|key| {
                let has_client = has_client(&key);
                Key::issued(key, has_client)
            }));
            let age = figures::span(replica.poll_age());
            notes.push(match replica.keys().is_loaded() {
                true => format!("Issued keys were last looked up {age} ago."),
                false => "Issued keys are not loaded yet.".to_owned(),
            });
        }
        (keys, notes)
    }

    fn identities(&self, policy: &Policy) -> Identities {
        let ring = policy.certificates.as_ref();
        let issuers = policy.tokens.issuers().iter();
        Identities {
            issuers: issuers
                .map(|it| (it.name().to_string(), it.keys().status()))
                .collect(),
            authorities: ring.map(|it| it.states()).unwrap_or_default(),
            certificates: ring.map(|it| it.expiries()).unwrap_or_default(),
            token_expires: self.readiness.identity.expires_unix_s(),
            has_token: self.readiness.identity.authorization().is_some(),
        }
    }
}

/// The names of the labels that clients have.
fn labels(policy: &Policy) -> impl Iterator<Item = String> {
    let names = policy.clients.iter().filter_map(|it| it.labels.to_json());
    let names: BTreeSet<_> = names.flat_map(|it| labels_of(&it).into_keys()).collect();
    names.into_iter().take(MAX_LABELS)
}

#[cfg(test)]
mod tests;
