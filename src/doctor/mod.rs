//! `tollgate doctor`: tries for real what a configuration says, and says what to do where it does not work.
//!
//! Nothing is changed anywhere, and nothing costs tokens. Each outside world is asked through the room that
//! speaks to it; here is what is asked, and what an answer means. What is tried has a bound in time, and all
//! of it runs at once.

mod authority;
mod backend;
mod call;
mod clock;
mod envoy;
mod finding;
mod identity;
mod issuer;
mod patience;
mod server_certificate;
mod service;
mod storage;

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::auth::Url;
use crate::config::Config;
pub use finding::{Check, Outcome, Report};
use finding::{Checks, Subject};
pub(crate) use storage::{can_append_to, can_make_files_in, is_writable};

/// What is looked at besides what the configuration names.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The admin endpoint of the running service, without a path.
    pub service: Option<Url>,
    /// The admin endpoint of the running Envoy, without a path.
    pub envoy: Option<Url>,
}

/// Tries everything.
pub async fn examine(config: Config, around: Surroundings) -> Report {
    let config = Arc::new(config);
    let mut tasks = vec![spawn("configuration", warnings(Arc::clone(&config)))];
    tasks.push(spawn("backends", backends(Arc::clone(&config))));
    for at in 0..config.key_refreshes.len() {
        let config = Arc::clone(&config);
        tasks.push(spawn("issuers", async move {
            match config.key_refreshes.get(at) {
                Some(refresh) => issuer::examine(refresh, &config.policy.tokens).await,
                None => Checks::new(),
            }
        }));
    }
    let ring = config.policy.certificates.clone();
    for at in 0..ring.as_ref().map_or(0, |it| it.authorities().len()) {
        let ring = ring.clone();
        tasks.push(spawn("authorities", async move {
            match ring.as_ref().and_then(|it| it.authorities().get(at)) {
                Some(authority) => authority::examine(authority).await,
                None => Checks::new(),
            }
        }));
    }
    let tls = config.envoy.tls.clone();
    tasks.extend(tls.map(|tls| spawn("certificate", server_certificate::examine(tls))));
    tasks.push(spawn("storage", storage::examine(Arc::clone(&config))));
    tasks.push(spawn("service", service::examine(around.service)));
    let envoy = envoy::examine(around.envoy, config.envoy.clone());
    tasks.push(spawn("envoy", envoy));
    let mut checks = Checks::new();
    for task in tasks {
        checks.extend(task.await.unwrap_or_default());
    }
    Report { checks }
}

/// Runs a part; one that breaks off says so, in place of what it would have found.
fn spawn(
    part: &'static str,
    run: impl Future<Output = Checks> + Send + 'static,
) -> JoinHandle<Checks> {
    let running = tokio::spawn(run);
    tokio::spawn(async move {
        running.await.unwrap_or_else(|_| {
            let mut subject = Subject::new(part);
            let advice = "this is a bug of tollgate: please report it";
            subject.error("examination", "it could not be examined", advice);
            subject.into_checks()
        })
    })
}

/// What `tollgate check` warns of.
async fn warnings(config: Arc<Config>) -> Checks {
    let mut subject = Subject::new("configuration");
    if config.warnings.is_empty() {
        subject.ok(
            "warnings",
            "it is valid, and nothing in it needs a second look",
        );
    }
    for warning in &config.warnings {
        let advice = "change it, unless it is meant";
        subject.warning("warnings", warning.with_help(), advice);
    }
    subject.into_checks()
}

/// The common identity, then all backends at once.
async fn backends(config: Arc<Config>) -> Checks {
    let mut subject = Subject::new("identity");
    let common = Arc::new(identity::fetch(&config.identity, &mut subject).await);
    let mut checks = subject.into_checks();
    let mut tasks = Vec::new();
    for backend in config.policy.pools.backends() {
        let (backend, common) = (Arc::clone(backend), Arc::clone(&common));
        tasks.push(spawn("backends", async move {
            backend::examine(&backend, &common).await
        }));
    }
    for task in tasks {
        checks.extend(task.await.unwrap_or_default());
    }
    checks
}
