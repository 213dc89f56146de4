//! Telemetry that goes to collectors: what the environment asks for, and its end.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::gateway::Gateway;
use crate::telemetry::{Environment, LogExport, LogHandle, Metrics, Push, Traces};

/// Telemetry that goes to collectors.
pub(super) struct Sending {
    pub(super) traces: Option<Traces>,
    pub(super) metrics: Option<Push>,
    pub(super) logs: Option<Arc<LogExport>>,
    pub(super) log: Arc<LogHandle>,
}

impl Sending {
    /// What the environment asks for.
    pub(super) fn start(environment: &Environment, log: Arc<LogHandle>) -> Result<Self, String> {
        let logs = LogExport::start(environment)?.map(Arc::new);
        if let Some(logs) = &logs {
            log.also_to(logs.lines());
        }
        Ok(Self {
            log,
            logs,
            traces: Traces::start(environment)?,
            metrics: Push::start(environment)?,
        })
    }
}

/// Makes spans, if the environment has asked for them, and shows what becomes of all that is sent.
pub(super) fn trace(
    gateway: &mut Gateway,
    metrics: &Metrics,
    traces: Option<Traces>,
    logs: Option<&LogExport>,
) {
    let of_traces = traces.as_ref().map(Traces::delivery);
    let deliveries = of_traces.into_iter().chain(metrics.delivery());
    let deliveries = deliveries.chain(logs.map(LogExport::delivery));
    metrics.observe_delivery(deliveries.cloned().collect());
    if let Some(traces) = traces {
        gateway.trace(traces);
    }
}

/// Sends what waits for collectors, all at once: one that does not answer keeps each for seconds.
pub(super) async fn finish(gateway: Option<Arc<Gateway>>, logs: Option<Arc<LogExport>>) {
    let finish = move || {
        std::thread::scope(|scope| {
            if let Some(logs) = &logs {
                scope.spawn(|| logs.finish());
            }
            if let Some(gateway) = gateway {
                gateway.finish_telemetry();
            }
        });
    };
    let _ = spawn_blocking(finish).await;
}
