//! The HTTP side: health and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::auth::Tokens;
use crate::telemetry::Metrics;
use crate::upstream::Identity;
use crate::usage::LedgerState;

/// Whether requests can be served: the configuration is loaded, the identity has a token, and the
/// service is not draining.
#[derive(Debug)]
pub struct Readiness {
    identity: Arc<Identity>,
    tokens: Arc<Tokens>,
    ledger: Option<Arc<LedgerState>>,
    is_draining: AtomicBool,
}

impl Readiness {
    /// Ready as soon as the identity has a token.
    pub fn new(
        identity: Arc<Identity>,
        tokens: Arc<Tokens>,
        ledger: Option<Arc<LedgerState>>,
    ) -> Self {
        Self {
            identity,
            tokens,
            ledger,
            is_draining: AtomicBool::new(false),
        }
    }

    /// Never ready again.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Issuers whose tokens can't be checked just now. Callers with other credentials, and tokens of
    /// other issuers, are served all the same: this is no obstacle.
    pub fn unavailable_issuers(&self) -> Vec<Arc<str>> {
        let issuers = self.tokens.issuers().iter();
        issuers
            .filter(|issuer| !issuer.keys().status().is_usable)
            .map(|issuer| Arc::clone(issuer.name()))
            .collect()
    }

    /// Why requests can't be served.
    pub fn obstacle(&self) -> Option<&'static str> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Some("draining");
        }
        match self.identity.authorization() {
            Some(_) => self.ledger.as_ref().and_then(|ledger| ledger.obstacle()),
            None => Some("the identity has no token"),
        }
    }

    /// What is wrong with the ledger while requests are served all the same.
    pub fn ledger_concern(&self) -> Option<&'static str> {
        self.ledger.as_ref().and_then(|ledger| ledger.concern())
    }
}

#[derive(Clone)]
struct Admin {
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
}

/// Serves `/livez`, `/readyz` and `/metrics` until told to stop.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(Admin { readiness, metrics });
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    match admin.readiness.obstacle() {
        None => {
            let mut text = "ready\n".to_owned();
            for issuer in admin.readiness.unavailable_issuers() {
                text.push_str(&format!("issuer {issuer}: no keys\n"));
            }
            if let Some(concern) = admin.readiness.ledger_concern() {
                text.push_str(&format!("ledger: {concern}\n"));
            }
            (StatusCode::OK, text)
        }
        Some(obstacle) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {obstacle}\n"),
        ),
    }
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
