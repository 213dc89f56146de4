//! `tollgate serve`: starts the parts, waits for SIGTERM, and ends them in order.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use super::grpc;
use super::ledger::RunningLedger;
use super::listener::Listener;
use crate::admin::{self, Readiness};
use crate::auth::certificate::Authority;
use crate::config::{Config, KeyRefresh};
use crate::envoy::Gateway;
use crate::telemetry::{AuditLog, AuditWriter, LogFormat, Metrics, init_log};
use crate::upstream::{AzureTokenSource, Identity};
use crate::usage::LedgerWriter;

/// How often decisions that nobody came for are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// Estimates at once. Each takes a core for milliseconds, and many clients may hang up together.
const MAX_BLOCKING_THREADS: usize = 8;
/// How long estimates may still be counted after the last stream has ended.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Ends in 0 after SIGTERM or SIGINT.
pub(super) fn run(path: &Path, log_format: LogFormat) -> Result<ExitCode, String> {
    init_log(log_format);
    let config = Config::load(path).map_err(|error| error.to_string())?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(serve(config))
        .map(|()| ExitCode::SUCCESS)
}

async fn serve(config: Config) -> Result<(), String> {
    let mut terminated = Terminated::new()?;
    let drain_timeout = config.drain_timeout;
    let mut service = Service::start(config).await?;
    tokio::select! {
        () = terminated.wait() => {}
        ended = &mut service.grpc => return Err(format!("the gRPC endpoint has failed: {ended:?}")),
    }
    service.drain(drain_timeout).await;
    Ok(())
}

/// The running parts, and what ends them.
struct Service {
    gateway: Arc<Gateway>,
    readiness: Arc<Readiness>,
    audit_writer: AuditWriter,
    ledger_writer: Option<LedgerWriter>,
    grpc: JoinHandle<io::Result<()>>,
    /// No new streams; the live ones may finish.
    stop_grpc: CancellationToken,
    /// No streams at all.
    cut_grpc: CancellationToken,
    background: Vec<JoinHandle<()>>,
    stop_background: CancellationToken,
}

impl Service {
    async fn start(mut config: Config) -> Result<Self, String> {
        let metrics = Arc::new(Metrics::new().map_err(|error| error.to_string())?);
        let (audit, audit_writer) =
            AuditLog::start(io::stdout()).map_err(|error| error.to_string())?;
        let identity = Arc::new(Identity::default());
        let stop_background = CancellationToken::new();
        let ledger = RunningLedger::start(&config, &stop_background).await?;
        let readiness = observed(&config, &identity, &metrics, &audit, ledger.as_ref());
        let mut gateway = Gateway::new(
            &mut config,
            Arc::clone(&identity),
            Arc::clone(&metrics),
            audit,
        );
        let (mut background, ledger_writer) = match ledger {
            Some(running) => {
                gateway = gateway.with_ledger(running.ledger, running.stored);
                (running.background, Some(running.writer))
            }
            None => (Vec::new(), None),
        };
        let gateway = Arc::new(gateway);
        let (address, admin_listener) = bind_admin(&config).await?;
        let grpc_listener = Listener::bind(&config.listen.grpc).await?;
        let (stop_grpc, cut_grpc) = (CancellationToken::new(), CancellationToken::new());
        let grpc = tokio::spawn(grpc::serve(
            grpc_listener,
            Arc::clone(&gateway),
            Arc::clone(&readiness),
            stop_grpc.clone(),
            cut_grpc.clone(),
        ));
        background.extend(keep_lists_fresh(&gateway, &metrics, &stop_background));
        let source = Arc::new(AzureTokenSource::new(config.identity));
        let admin = admin::serve(
            admin_listener,
            Arc::clone(&readiness),
            metrics,
            stop_background.clone(),
        );
        background.extend([
            tokio::spawn(identity.keep_fresh(source, stop_background.clone())),
            tokio::spawn(sweep(Arc::clone(&gateway), stop_background.clone())),
            tokio::spawn(report_failure(admin)),
        ]);
        background.extend(KeyRefresh::start(config.key_refreshes, &stop_background));
        tracing::info!(grpc = %config.listen.grpc, admin = %address, "listening");
        Ok(Self {
            gateway,
            readiness,
            audit_writer,
            ledger_writer,
            grpc,
            stop_grpc,
            cut_grpc,
            background,
            stop_background,
        })
    }

    /// Not ready; live streams finish or are cut; every request is accounted for; the rest ends.
    async fn drain(mut self, drain_timeout: Duration) {
        tracing::info!(drain_timeout_ms = drain_timeout.as_millis(), "draining");
        self.readiness.drain();
        self.stop_grpc.cancel();
        if timeout(drain_timeout, &mut self.grpc).await.is_err() {
            tracing::warn!("streams are cut: they take longer than the drain timeout");
            self.cut_grpc.cancel();
            let _ = timeout(SETTLE_TIMEOUT, self.grpc).await;
        }
        if timeout(SETTLE_TIMEOUT, self.gateway.settled())
            .await
            .is_err()
        {
            tracing::error!(
                "requests are not accounted for: their tokens could not be counted in time"
            );
        }
        self.stop_background.cancel();
        for task in self.background {
            let _ = task.await;
        }
        let _ = tokio::task::spawn_blocking(|| {
            if let Some(writer) = self.ledger_writer {
                writer.finish();
            }
            self.audit_writer.finish();
        })
        .await;
        tracing::info!("stopped");
    }
}

async fn report_failure(admin: impl Future<Output = io::Result<()>>) {
    if let Err(error) = admin.await {
        tracing::error!(%error, "the admin endpoint has failed");
    }
}

/// Revocation lists are read behind the requests, each authority's by a task of its own.
fn keep_lists_fresh(
    gateway: &Gateway,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let Some(ring) = gateway.certificates() else {
        return Vec::new();
    };
    metrics.observe_certificates(ring);
    let task = |authority: &Authority| {
        let lists = Arc::clone(authority.revocation());
        tokio::spawn(lists.keep_fresh(authority.name.to_string(), stop.clone()))
    };
    ring.authorities().iter().map(task).collect()
}

/// The readiness, which the metrics show with the rest of the service's state.
fn observed(
    config: &Config,
    identity: &Arc<Identity>,
    metrics: &Metrics,
    audit: &AuditLog,
    ledger: Option<&RunningLedger>,
) -> Arc<Readiness> {
    let tokens = Arc::clone(&config.tokens);
    let ledger = ledger.map(RunningLedger::state);
    if let Some(ledger) = &ledger {
        metrics.observe_ledger(ledger);
    }
    let readiness = Arc::new(Readiness::new(Arc::clone(identity), tokens, ledger));
    let ready = Arc::clone(&readiness);
    metrics.observe(
        Arc::clone(identity),
        move || ready.obstacle().is_none(),
        audit.lost(),
    );
    metrics.observe_issuers(&config.tokens);
    readiness
}

async fn bind_admin(config: &Config) -> Result<(std::net::SocketAddr, TcpListener), String> {
    let wanted = config.listen.admin;
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|error| format!("listen.admin: {wanted} can't be listened on: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((address, listener))
}

async fn sweep(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut ticks = interval(SWEEP_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => gateway.sweep(),
            () = stop.cancelled() => return,
        }
    }
}

/// SIGTERM, as Kubernetes and systemd send it, or SIGINT from a terminal.
struct Terminated {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Terminated {
    fn new() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| error.to_string());
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
