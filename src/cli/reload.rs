//! Takes a changed configuration into use while the service runs, or says why not.
//!
//! It is read while requests are served and put in force with one pointer. If anything in it is wrong, the
//! previous one stays in force, whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::generation::{Generation, Identities, Sources};
use crate::admin::Readiness;
use crate::config::{Config, Fixed, Watch};
use crate::policy::LivePolicy;
use crate::telemetry::Metrics;

/// A configuration that is refused is read again after this time, without a change: what it names may
/// exist by then, as when a ConfigMap is mounted before its Secret.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Follows the configuration's file.
pub(super) struct Reload {
    path: PathBuf,
    watch: Watch,
    hangup: Signal,
    fixed: Fixed,
    parts: Parts,
    generation: Generation,
    /// Why the last change was refused.
    refused: Option<String>,
}

/// What a change of the configuration changes.
pub(super) struct Parts {
    pub(super) policy: Arc<LivePolicy>,
    pub(super) identities: Identities,
    pub(super) readiness: Arc<Readiness>,
    pub(super) metrics: Arc<Metrics>,
}

impl Reload {
    /// Follows the file that the running configuration was read from.
    pub(super) fn new(
        path: &Path,
        watch: Watch,
        fixed: Fixed,
        generation: Generation,
        parts: Parts,
    ) -> Result<Self, String> {
        parts.metrics.configured();
        Ok(Self {
            path: path.to_owned(),
            watch,
            hangup: signal(SignalKind::hangup()).map_err(|error| error.to_string())?,
            fixed,
            parts,
            generation,
            refused: None,
        })
    }

    /// Takes changes into use until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let is_refused = self.refused.is_some();
            tokio::select! {
                () = self.watch.changed() => {}
                _ = self.hangup.recv() => self.refused = None,
                () = sleep(RETRY_INTERVAL), if is_refused => {}
                () = stop.cancelled() => break,
            }
            self.reload().await;
        }
        self.generation.end().await;
    }

    async fn reload(&mut self) {
        let began = Instant::now();
        let path = self.path.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            Config::load(&path).map_err(|error| error.to_string())
        });
        let loaded = loaded.await.map_err(|error| error.to_string());
        match loaded.and_then(|it| it).and_then(|it| self.unfixed(it)) {
            Ok(config) => self.take(config, began).await,
            Err(reason) => self.refuse(reason),
        }
    }

    /// Refuses what only a restart can change.
    fn unfixed(&self, config: Config) -> Result<Config, String> {
        match self.fixed.difference(&config.fixed()) {
            None => Ok(config),
            Some(key) => Err(format!(
                "{}: `{key}` can't change while the service runs: restart it",
                self.path.display()
            )),
        }
    }

    async fn take(&mut self, config: Config, began: Instant) {
        let Config {
            policy,
            key_refreshes,
            identity,
            redis_identity,
            files,
            ..
        } = config;
        let parts = &self.parts;
        policy.adopt(&parts.policy.load());
        let (clients, keys) = (policy.clients.len(), policy.keys.len());
        let sources = Sources {
            azure: identity,
            redis: redis_identity,
        };
        let next = Generation::start(&policy, key_refreshes, sources, &parts.identities);
        parts.policy.store(policy);
        parts.metrics.reloaded(true);
        parts.readiness.config_refused(false);
        self.refused = None;
        self.watch.follow(files);
        tracing::info!(
            clients,
            keys,
            took_ms = began.elapsed().as_millis(),
            "the changed configuration is in force"
        );
        std::mem::replace(&mut self.generation, next).end().await;
    }

    /// Logs it once for each reason: the file is read again and again.
    fn refuse(&mut self, reason: String) {
        if self.refused.as_ref() == Some(&reason) {
            return;
        }
        tracing::error!(
            %reason,
            "the changed configuration was rejected; the previous one stays in force"
        );
        self.parts.metrics.reloaded(false);
        self.parts.readiness.config_refused(true);
        self.refused = Some(reason);
    }
}
