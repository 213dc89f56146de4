//! The HTTP side: health, metrics and the console.

mod backends;
mod console;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::auth::certificate::{AuthorityState, CrlState};
use crate::auth::{IssuedKeys, Issuer, KeyStatus};
use crate::limits::SharedState;
use crate::policy::LivePolicy;
use crate::telemetry::Metrics;
use crate::upstream::Identity;
use crate::usage::{CollectorState, LedgerState};

pub use backends::BackendState;
pub use console::{Console, LedgerPlaces, Sources};

/// What is known of the counts that replicas share.
type SharedLimits = Box<dyn Fn() -> Option<SharedState> + Send + Sync>;

/// Whether requests can be served: the configuration is loaded, the identity has a token, the
/// database of issued keys has been asked once, the ledger takes records, and the service is not
/// draining.
pub struct Readiness {
    identity: Arc<Identity>,
    policy: Arc<LivePolicy>,
    issued: Option<Arc<IssuedKeys>>,
    ledger: Option<Arc<LedgerState>>,
    collector: OnceLock<Arc<CollectorState>>,
    limits: OnceLock<SharedLimits>,
    /// The file on disk is refused, and what was read before it stays in force.
    is_config_refused: AtomicBool,
    is_draining: AtomicBool,
}

impl Readiness {
    /// Ready as soon as the identity has a token and the database of issued keys, if there is one, has
    /// been asked.
    pub fn new(
        identity: Arc<Identity>,
        policy: Arc<LivePolicy>,
        issued: Option<Arc<IssuedKeys>>,
        ledger: Option<Arc<LedgerState>>,
    ) -> Self {
        Self {
            identity,
            policy,
            issued,
            ledger,
            collector: OnceLock::new(),
            limits: OnceLock::new(),
            is_config_refused: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
        }
    }

    /// Looks at who asks for background usage, too.
    pub fn watch_collector(&self, collector: &Arc<CollectorState>) {
        let _ = self.collector.set(Arc::clone(collector));
    }

    /// Looks at where replicas count limits together, too.
    pub fn watch_limits(&self, state: impl Fn() -> Option<SharedState> + Send + Sync + 'static) {
        let _ = self.limits.set(Box::new(state));
    }

    /// What happens to limits while the servers that count them do not answer. Requests are served, or
    /// refused by a rule that somebody has chosen: no obstacle.
    pub fn limits_concern(&self) -> Option<&'static str> {
        let state = self.limits.get()?()?;
        state.away.map(|away| away.rule.concern())
    }

    /// Whether usage of background responses can't be asked for just now; it is charged later.
    pub fn lacks_background_usage(&self) -> bool {
        let collector = self.collector.get();
        collector.is_some_and(|collector| collector.status().is_failing)
    }

    /// Never ready again.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Issuers whose tokens can't be verified just now, a line each. Callers with other credentials, and
    /// tokens of other issuers, are served all the same: this does not make it unready.
    pub fn ailing_issuers(&self) -> Vec<String> {
        let policy = self.policy.load();
        let issuers = policy.tokens.issuers().iter();
        let ailment = |issuer: &Arc<Issuer>| {
            let what = match issuer.keys().status() {
                KeyStatus {
                    is_usable: false, ..
                } => "no keys",
                KeyStatus { keys: 0, .. } => "no usable key in its key set",
                _ => return None,
            };
            Some(format!("issuer {}: {what}", issuer.name()))
        };
        issuers.filter_map(ailment).collect()
    }

    /// Whether the file on disk is refused. The previous one stays in use: this does not make it unready.
    pub fn config_refused(&self, is_refused: bool) {
        self.is_config_refused.store(is_refused, Ordering::Relaxed);
    }

    /// What certificate authorities lack just now, a line each. As with issuers, no obstacle.
    pub fn ailing_authorities(&self) -> Vec<String> {
        let certificates = self.policy.load().certificates.clone();
        let states = certificates.iter().flat_map(|ring| ring.states());
        states.flat_map(|state| ailments(&state)).collect()
    }

    /// Why requests can't be served.
    pub fn obstacle(&self) -> Option<&'static str> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Some("draining");
        }
        if self.identity.authorization().is_none() {
            return Some("the identity has no token");
        }
        if self.issued.as_ref().is_some_and(|keys| !keys.is_asked()) {
            return Some("the issued keys have not been loaded yet");
        }
        self.ledger.as_ref().and_then(|ledger| ledger.obstacle())
    }

    /// What is wrong while requests are served all the same, a line each.
    pub fn concerns(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_config_refused.load(Ordering::Relaxed) {
            let line = "configuration: the file is rejected, the previous one is in force";
            lines.push(line.to_owned());
        }
        lines.extend(self.ailing_issuers());
        let pools = Arc::clone(&self.policy.load().pools);
        lines.extend(backends::rejecting(&pools));
        lines.extend(backends::ailing(&pools));
        lines.extend(self.ailing_authorities());
        if self.lacks_issued_keys() {
            lines.push("issued keys: not loaded, their database is unavailable".to_owned());
        }
        let ledger = self.ledger_concern().map(|it| format!("ledger: {it}"));
        let limits = self.limits_concern().map(|it| format!("limits: {it}"));
        lines.extend(ledger.into_iter().chain(limits));
        if self.lacks_background_usage() {
            let line = "background: usage can't be asked for, and is charged later";
            lines.push(line.to_owned());
        }
        lines
    }

    /// Whether keys that were issued can't be known yet. Other credentials are served: no obstacle.
    pub fn lacks_issued_keys(&self) -> bool {
        self.issued.as_ref().is_some_and(|keys| !keys.is_loaded())
    }

    /// What is wrong with the ledger while requests are served all the same.
    pub fn ledger_concern(&self) -> Option<&'static str> {
        self.ledger.as_ref().and_then(|ledger| ledger.concern())
    }
}

fn ailments(state: &AuthorityState) -> Vec<String> {
    let name = &state.name;
    let mut lines = Vec::new();
    if state.anchors == 0 {
        lines.push(format!("authority {name}: no trust anchors"));
    } else if state.sources_without_anchors > 0 {
        lines.push(format!("authority {name}: some trust anchors are missing"));
    }
    match state.crl {
        CrlState::Missing => lines.push(format!("authority {name}: no revocation list")),
        CrlState::Stale => lines.push(format!("authority {name}: a revocation list has expired")),
        CrlState::Off | CrlState::Fresh => {}
    }
    lines
}

#[derive(Clone)]
struct Admin {
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
}

/// Serves `/livez`, `/readyz`, `/metrics`, `/backends`, `/version` and, where there is one, the console until told
/// to stop.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    console: Option<Console>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .route("/backends", get(backends))
        .route(
            "/version",
            get(|| async { concat!(env!("CARGO_PKG_VERSION"), "\n") }),
        )
        .with_state(Admin { readiness, metrics });
    let router = match console {
        Some(console) => router.merge(console.router()),
        None => router,
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    match admin.readiness.obstacle() {
        None => {
            let mut text = "ready\n".to_owned();
            for line in admin.readiness.concerns() {
                text.push_str(&line);
                text.push('\n');
            }
            (StatusCode::OK, text)
        }
        Some(obstacle) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {obstacle}\n"),
        ),
    }
}

/// The state of each backend, for `tollgate backends`.
async fn backends(State(admin): State<Admin>) -> impl IntoResponse {
    let pools = Arc::clone(&admin.readiness.policy.load().pools);
    axum::Json(backends::states(&pools))
}

async fn render(State(admin): State<Admin>) -> impl IntoResponse {
    match admin.metrics.render() {
        Ok(text) => {
            let format = [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )];
            (format, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
