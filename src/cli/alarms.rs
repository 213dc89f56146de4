//! Says which quotas come to their end, in the log and in events.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::events::{Outbox, Thresholds};
use crate::limits::Alarm;
use crate::policy::LivePolicy;
use crate::telemetry::log_alarms;
use crate::unix_time;

/// Thresholds that are passed, and what makes events of them.
pub(super) struct Passed {
    pub(super) alarms: mpsc::Receiver<Alarm>,
    pub(super) thresholds: Thresholds,
}

/// Those, and where they are told.
pub(super) struct Told {
    pub(super) passed: Passed,
    pub(super) outbox: Outbox,
    pub(super) policy: Arc<LivePolicy>,
}

impl Told {
    /// Tells them until it is stopped, then those that have come by then.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                alarm = self.passed.alarms.recv() => match alarm {
                    Some(alarm) => self.tell(&alarm),
                    None => return,
                },
                () = stop.cancelled() => break,
            }
        }
        while let Ok(alarm) = self.passed.alarms.try_recv() {
            self.tell(&alarm);
        }
    }

    fn tell(&self, alarm: &Alarm) {
        log_alarms(alarm);
        let policy = self.policy.load();
        if policy.events.is_none() {
            return;
        }
        let currency = policy.prices.currency().map(|it| &**it);
        let now = unix_time::millis(SystemTime::now());
        match self.passed.thresholds.event(alarm, currency, now) {
            Ok(event) => self.outbox.put(event),
            Err(error) => tracing::error!(%error, "an event can't be written"),
        }
    }
}
