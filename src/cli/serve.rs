//! `tollgate serve`: starts the parts, waits for SIGTERM, and ends them in order.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use super::alarms::{Passed, Told};
use super::console::Seen;
use super::control::{self, Commanded};
use super::generation::{Generation, Identities, Sources};
use super::ledger::{LedgerTasks, RunningLedger};
use super::quotas;
use super::reload::{Parts, Reload};
use super::sending::{self, Sending};
use super::supervisor;
use super::terminated::Terminated;
use super::writers::{Writers, log_contents};
use crate::admin::{self, Console, Readiness};
use crate::auth::IssuedKeys;
use crate::config::{Config, Shown, Watch};
use crate::envoy::{self, Listener};
use crate::events::{Outbox, Thresholds};
use crate::gateway::{Gateway, collect, standings};
use crate::limits::{Limits, RenewedPassword};
use crate::policy::{LivePolicy, Policy};
use crate::telemetry::{Environment, LogExport, LogFormat, LogHandle, Metrics, init_log};
use crate::upstream::Identity;
use crate::usage::LedgerWriter;

/// How often decisions that nobody came for are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// After how many of these those are forgotten whose limits have nothing to count: with many clients that takes
/// milliseconds.
const SWEEPS_OF_LIMITS: u64 = 10;
/// Estimates at once. Each takes a core for milliseconds, and many clients may hang up together.
const MAX_BLOCKING_THREADS: usize = 8;
/// How long estimates may still be counted after the last stream has ended.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Exits with 0 after SIGTERM or SIGINT.
pub(super) fn run(path: &Path, log_format: LogFormat) -> Result<ExitCode, String> {
    let log = init_log(log_format)?;
    let mut watch = Watch::new(vec![path.to_owned()]);
    let mut config = Config::load(path).map_err(|error| error.to_string())?;
    watch.follow(std::mem::take(&mut config.files));
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(serve(path, watch, config, log))
        .map(|()| ExitCode::SUCCESS)
}

async fn serve(
    path: &Path,
    watch: Watch,
    config: Config,
    log: Arc<LogHandle>,
) -> Result<(), String> {
    let terminated = Terminated::new()?;
    let sending = Sending::start(&Environment::of_process(), log)?;
    let logs = sending.logs.clone();
    let served = serve_until(terminated, path, (watch, config), sending).await;
    let gateway = served.as_ref().ok().cloned();
    // At last: a collector that does not answer must not keep what is charged for from the disk.
    sending::finish(gateway, logs).await;
    served.map(drop)
}

/// Serves until it is to end, and ends all but what is sent to collectors.
async fn serve_until(
    mut terminated: Terminated,
    path: &Path,
    read: (Watch, Config),
    sending: Sending,
) -> Result<Arc<Gateway>, String> {
    let mut service = Service::start(path, read, sending).await?;
    supervisor::listening();
    tokio::select! {
        () = terminated.wait() => {}
        ended = &mut service.grpc => return Err(format!("the gRPC endpoint has failed: {ended:?}")),
    }
    supervisor::stopping();
    Ok(service.drain().await)
}

/// The running parts, and what ends them.
struct Service {
    gateway: Arc<Gateway>,
    readiness: Arc<Readiness>,
    writers: Writers,
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
    async fn start(path: &Path, read: (Watch, Config), sending: Sending) -> Result<Self, String> {
        let (watch, config) = read;
        let fixed = config.fixed();
        let (address, admin_listener) = bind_admin(&config).await?;
        let grpc_listener = Listener::bind(&config.listen.grpc).await?;
        let replica = control::replica(&config).await?;
        let seen = Seen::by(&config, replica.as_ref());
        let stop_background = CancellationToken::new();
        let ledger = RunningLedger::start(&config, &stop_background).await?;
        let issued = replica.as_ref().map(|it| Arc::clone(it.keys()));
        let usage = ledger.as_ref().map(|it| it.key_usage(&config));
        let identities = Identities::default();
        let (limits, passed) = restored_limits(&config, ledger.as_ref(), &identities.redis).await?;
        let commanded = Commanded::new(replica, usage, &sending.log);
        let shared = Shared::new(identities, issued, limits, sending, config.shown);
        let (state, writers, ledger) = State::new(config.policy, shared, ledger)?;
        let (stop_grpc, cut_grpc) = (CancellationToken::new(), CancellationToken::new());
        let (listen, stop) = (&config.listen, &stop_background);
        let mut background =
            control::start(commanded, listen, &state.gateway, &state.metrics, stop).await?;
        let generation = Generation::start(
            &state.policy.load(),
            config.key_refreshes,
            Sources {
                azure: config.identity,
                redis: config.redis_identity,
            },
            &state.identities,
        );
        background.extend(state.follow_limits(passed, stop)?);
        let console =
            seen.map(|seen| seen.console(&state.limits, &state.gateway, &state.readiness));
        let reload = Reload::new(path, watch, fixed, generation, state.parts())?;
        let admin = serve_admin(admin_listener, &state, console, stop);
        let State {
            gateway, readiness, ..
        } = state;
        let grpc = spawn_grpc(grpc_listener, &gateway, &readiness, [&stop_grpc, &cut_grpc]);
        let (ledger_writer, ledger_tasks) = ledger.unzip();
        background.extend(ledger_tasks.into_iter().flatten());
        background.extend([tokio::spawn(reload.run(stop.clone())), tokio::spawn(admin)]);
        background.extend(follow(&gateway, stop));
        tracing::info!(grpc = %config.listen.grpc, admin = %address, "listening");
        Ok(Self {
            gateway,
            readiness,
            writers,
            ledger_writer,
            grpc,
            stop_grpc,
            cut_grpc,
            background,
            stop_background,
        })
    }

    /// Not ready; live streams finish or are cut; every request is accounted for; the rest ends.
    async fn drain(mut self) -> Arc<Gateway> {
        let drain_timeout = self.gateway.drain_timeout();
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
        let _ = tokio::task::spawn_blocking(move || {
            if let Some(writer) = self.ledger_writer {
                writer.finish();
            }
            self.writers.finish();
        })
        .await;
        tracing::info!("stopped");
        self.gateway
    }
}

/// What the parts of the service share.
struct State {
    policy: Arc<LivePolicy>,
    identities: Identities,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    limits: Arc<Limits>,
    gateway: Arc<Gateway>,
}

/// What was made before the state.
struct Shared {
    identities: Identities,
    issued: Option<Arc<IssuedKeys>>,
    limits: Arc<Limits>,
    sending: Sending,
    shown: Shown,
}

impl Shared {
    fn new(
        identities: Identities,
        issued: Option<Arc<IssuedKeys>>,
        limits: Arc<Limits>,
        sending: Sending,
        shown: Shown,
    ) -> Self {
        Self {
            identities,
            issued,
            limits,
            sending,
            shown,
        }
    }
}

impl State {
    /// Builds it, and starts the audit log and the content log.
    fn new(
        policy: Policy,
        shared: Shared,
        ledger: Option<RunningLedger>,
    ) -> Result<(Self, Writers, Option<LedgerTasks>), String> {
        let Shared {
            identities,
            issued,
            limits,
            sending,
            shown,
        } = shared;
        let Sending {
            traces,
            metrics,
            logs,
            ..
        } = sending;
        let logs = logs.as_deref();
        let metrics = Metrics::sent(shown.metrics, metrics);
        let metrics = Arc::new(metrics.map_err(|error| error.to_string())?);
        let audit_to = logs.map(LogExport::audit);
        let (audit, content, writers) = Writers::start(shown.audit, shown.content, audit_to)?;
        let identity = Arc::clone(&identities.azure);
        let policy = Arc::new(LivePolicy::new(policy));
        let ledger_state = ledger.as_ref().map(RunningLedger::state);
        if let Some(ledger) = &ledger_state {
            metrics.observe_ledger(ledger);
        }
        let readiness = Arc::new(Readiness::new(
            Arc::clone(&identity),
            Arc::clone(&policy),
            issued.clone(),
            ledger_state,
        ));
        let ready = Arc::clone(&readiness);
        metrics.observe(
            Arc::clone(&identity),
            move || ready.obstacle().is_none(),
            audit.lost(),
        );
        metrics.observe_issuers(&policy);
        metrics.observe_certificates(&policy);
        metrics.observe_backends(&policy);
        let (shared, policy_of) = (Arc::clone(&metrics), Arc::clone(&policy));
        observe_limits(&metrics, &limits, &policy);
        let of_limits = Arc::clone(&limits);
        readiness.watch_limits(move || of_limits.shared_state());
        let kept = Arc::clone(&limits);
        let mut gateway = Gateway::new(policy_of, identity, shared, audit, issued, limits);
        sending::trace(&mut gateway, &metrics, traces, logs);
        log_contents(&mut gateway, &metrics, content);
        let tasks = ledger.map(|running| running.connect(&mut gateway));
        let owners = Arc::clone(gateway.owners());
        metrics.observe_collector(gateway.collector(), move || owners.places().open());
        readiness.watch_collector(gateway.collector());
        let state = Self {
            policy,
            identities,
            metrics,
            readiness,
            limits: kept,
            gateway: Arc::new(gateway),
        };
        Ok((state, writers, tasks))
    }

    /// Keeps the limits that replicas count together up to date, and says which quotas come to their end.
    fn follow_limits(
        &self,
        passed: Passed,
        stop: &CancellationToken,
    ) -> Result<[JoinHandle<()>; 3], String> {
        let (limits, policy) = (Arc::clone(&self.limits), Arc::clone(&self.policy));
        let settings = move || Arc::clone(&policy.load().limits);
        let stop_sharing = stop.clone();
        let policy = Arc::clone(&self.policy);
        let (outbox, sending) = Outbox::new(move || policy.load().events.clone())?;
        let state = Arc::clone(outbox.state());
        self.metrics.observe_limit_events(move || state.outcomes());
        let told = Told {
            passed,
            outbox,
            policy: Arc::clone(&self.policy),
        };
        Ok([
            tokio::spawn(async move { limits.keep_shared(settings, stop_sharing).await }),
            tokio::spawn(told.run(stop.clone())),
            tokio::spawn(sending.run(stop.clone())),
        ])
    }

    /// What a change of the configuration changes.
    fn parts(&self) -> Parts {
        Parts {
            policy: Arc::clone(&self.policy),
            identities: self.identities.clone(),
            readiness: Arc::clone(&self.readiness),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

async fn bind_admin(config: &Config) -> Result<(std::net::SocketAddr, TcpListener), String> {
    let wanted = config.listen.admin;
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|error| format!("listen.admin: can't listen on {wanted}: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((address, listener))
}

/// Serves Envoy until the first token is cancelled, and cuts its streams with the second.
fn spawn_grpc(
    listener: Listener,
    gateway: &Arc<Gateway>,
    readiness: &Arc<Readiness>,
    [stop, cut]: [&CancellationToken; 2],
) -> JoinHandle<io::Result<()>> {
    tokio::spawn(envoy::serve(
        listener,
        Arc::clone(gateway),
        Arc::clone(readiness),
        stop.clone(),
        cut.clone(),
    ))
}

fn serve_admin(
    listener: TcpListener,
    state: &State,
    console: Option<Console>,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + use<> {
    let (readiness, metrics) = (Arc::clone(&state.readiness), Arc::clone(&state.metrics));
    let served = admin::serve(listener, readiness, metrics, console, stop.clone());
    async {
        if let Err(error) = served.await {
            tracing::error!(%error, "the admin endpoint has failed");
        }
    }
}

/// What goes on besides the requests.
fn follow(gateway: &Arc<Gateway>, stop: &CancellationToken) -> [JoinHandle<()>; 2] {
    [
        tokio::spawn(sweep(Arc::clone(gateway), stop.clone())),
        tokio::spawn(collect(Arc::clone(gateway), stop.clone())),
    ]
}

/// The limits, with what was used of quotas before.
async fn restored_limits(
    config: &Config,
    ledger: Option<&RunningLedger>,
    identity: &Arc<Identity>,
) -> Result<(Arc<Limits>, Passed), String> {
    let ((limits, alarms), thresholds) = match &config.redis {
        None => (Limits::new(), Thresholds::alone()?),
        Some(options) => (
            Limits::shared(options.clone(), tokens_for_redis(config, identity))?,
            Thresholds::shared(&options.key_prefix),
        ),
    };
    if let Some(ledger) = ledger {
        quotas::restore(&limits, &config.policy, &ledger.store).await?;
    }
    limits.connect(&config.policy.limits).await;
    let passed = Passed { alarms, thresholds };
    Ok((limits, passed))
}

/// The tokens that are the password at the servers of shared limits.
fn tokens_for_redis(config: &Config, identity: &Arc<Identity>) -> Option<RenewedPassword> {
    config.redis_identity.as_ref()?;
    let identity = Arc::clone(identity);
    Some(Arc::new(move || identity.token()))
}

fn observe_limits(metrics: &Metrics, limits: &Arc<Limits>, policy: &Arc<LivePolicy>) {
    let (of_refusals, of_standings) = (Arc::clone(limits), Arc::clone(limits));
    let of_store = Arc::clone(limits);
    let policy = Arc::clone(policy);
    metrics.observe_limits(
        move || of_refusals.refusals(),
        move || of_store.shared_state(),
        move || {
            let all = standings(&of_standings, &policy.load()).into_iter();
            all.map(|it| (it.subject, it.standings)).collect()
        },
    );
}

async fn sweep(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut ticks = interval(SWEEP_INTERVAL);
    let mut sweeps: u64 = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                gateway.sweep();
                sweeps += 1;
                if sweeps.is_multiple_of(SWEEPS_OF_LIMITS) {
                    let gateway = Arc::clone(&gateway);
                    let _ = spawn_blocking(move || gateway.sweep_limits()).await;
                }
            }
            () = stop.cancelled() => return,
        }
    }
}
