//! An Azure OpenAI worth testing against: the same bytes, an exact ledger of what it billed, and
//! every way in which the real one goes wrong, on request.
//!
//! A request goes through these rooms:
//!
//! - [`route`]: which operation; [`guard`]: with whose token, and nothing that must not come through;
//! - [`script`]: what the request wants of the fake (`x-fake-*` headers);
//! - [`deployment`]: which model, and its limits; [`prompt`] and [`tokenizer`]: what the prompt costs;
//! - [`speech`], [`tools`], [`answer`] and [`turn`]: what is said; [`chat`], [`completions`], [`embeddings`],
//!   [`responses`], `media`, `objects`, [`realtime`]: in which shape, with [`filter`] and [`usage`] as parts;
//! - [`plan`]: when, and at whose cost ([`ledger`]); [`wire`]: in which bytes;
//! - [`errors`] and [`headers`]: Azure's own;
//! - [`canned`]: a fast path for load tests; [`inspect`]: what happened, for other processes; [`log`].

pub mod answer;
pub mod canned;
pub mod chat;
pub mod completions;
pub mod deployment;
pub mod embeddings;
pub mod errors;
mod exchange;
pub mod filter;
pub mod guard;
mod headers;
pub mod inspect;
pub mod ledger;
pub mod log;
mod media;
mod objects;
pub mod plan;
pub mod prompt;
pub mod realtime;
mod reply;
pub mod responses;
pub mod route;
pub mod script;
mod service;
pub mod speech;
pub mod tokenizer;
pub mod tools;
pub mod turn;
pub mod usage;
pub mod wire;

use super::server::{Listen, Server};
use super::token::{COGNITIVE_SERVICES_AUDIENCE, TokenSecret};
use deployment::{Deployments, default_deployments};
use guard::Violation;
use ledger::{Entry, Totals};
use log::RecordedRequest;
use script::Fault;
use service::Service;
use std::net::SocketAddr;
use std::sync::Arc;

/// How to start a [`FakeAzure`].
#[derive(Debug, Clone)]
pub struct AzureOptions {
    /// Where to listen, with TLS or without.
    pub listen: Listen,
    /// What `x-fake-only` calls it.
    pub name: String,
    /// `x-ms-region`
    pub region: String,
    /// Signs the tokens that are accepted: that of the identity fake.
    pub token_secret: TokenSecret,
    /// The audience that tokens must have.
    pub audience: String,
    /// The client ids that have a role on this resource; none for all.
    pub principals: Option<Vec<String>>,
    /// Whether it has keys: not with `disableLocalAuth: true`.
    pub has_keys: bool,
    /// What its clock says, in the form of a `date` header; none is the time.
    pub date: Option<&'static str>,
    /// The deployments, until they are changed.
    pub deployments: Deployments,
}

impl Default for AzureOptions {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            name: "azure".to_owned(),
            region: "East US".to_owned(),
            token_secret: TokenSecret::random(),
            audience: COGNITIVE_SERVICES_AUDIENCE.to_owned(),
            principals: None,
            has_keys: true,
            date: None,
            deployments: default_deployments(),
        }
    }
}

/// A running Azure OpenAI. Dropping it ends it at once; [`Self::stop`] lets streams finish.
#[derive(Debug)]
pub struct FakeAzure {
    /// Where it listens.
    pub addr: SocketAddr,
    service: Arc<Service>,
    server: Server,
    tls: bool,
}

impl FakeAzure {
    /// Starts it, or panics: a test can't go on without.
    pub async fn start(options: AzureOptions) -> Self {
        let started = Self::try_start(options).await;
        started.expect("the Azure fake listens")
    }

    /// Starts it, or says why it can't bind the address.
    pub async fn try_start(options: AzureOptions) -> std::io::Result<Self> {
        let listen = options.listen.clone();
        let tls = listen.tls.is_some();
        let service = Arc::new(Service::new(options));
        let server = Server::start(listen, Arc::clone(&service)).await?;
        Ok(Self {
            addr: server.address(),
            service,
            server,
            tls,
        })
    }

    /// Its endpoint, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// What was billed, settled requests only, in the order of arrival.
    pub fn ledger(&self) -> Vec<Entry> {
        self.service.ledger.entries()
    }

    /// What was billed in all.
    pub fn totals(&self) -> Totals {
        self.service.ledger.totals()
    }

    /// How many requests are being answered.
    pub fn open_requests(&self) -> u64 {
        self.service.ledger.open_count()
    }

    /// Waits until this many requests have arrived since the start, answered or not.
    pub async fn arrived(&self, count: u64) {
        self.service.ledger.arrived(count).await;
    }

    /// Waits until this many requests have been settled since the start: the way to see the end of a
    /// request whose client has gone.
    pub async fn settled(&self, count: u64) {
        self.service.ledger.settled(count).await;
    }

    /// The requests it got, the last 2000.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.service.log.all()
    }

    /// What reached it and must not.
    pub fn violations(&self) -> Vec<Violation> {
        self.service.guard.violations()
    }

    /// Other deployments from now on.
    pub fn set_deployments(&self, deployments: Deployments) {
        self.service.set_deployments(deployments);
    }

    /// A fault of every request from now on, or of none but those whose script has one.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.service.set_fault(fault);
    }

    /// A fault for each of the next requests whose script has none.
    pub fn fail_next(&self, faults: &[Fault]) {
        self.service.add_faults(faults);
    }

    /// Whether responses in the background and batches go on for ever, or end when somebody looks.
    pub fn hold_background(&self, held: bool) {
        self.service.responses.hold(held);
        self.service.objects.hold(held);
    }

    /// Forgets files and batches.
    pub fn forget_objects(&self) {
        self.service.objects.clear();
    }

    /// Forgets stored responses, as the service does after 30 days.
    pub fn forget_responses(&self) {
        self.service.responses.clear();
    }

    /// Forgets ledger, requests, violations, stored responses and what the limits counted.
    pub fn clear(&self) {
        self.service.clear();
    }

    /// Takes no more requests and waits for those it has.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
