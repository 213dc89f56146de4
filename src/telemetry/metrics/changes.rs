//! What the metrics say of changes that somebody has made: of the configuration, of keys.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Meter};

use super::{Metrics, counter};

/// The instruments that changes are recorded to.
pub(super) struct Changes {
    config_reloads: Counter<u64>,
    config_is_current: Gauge<u64>,
    pub(super) keys: Counter<u64>,
}

impl Changes {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            config_reloads: counter(
                meter,
                "tollgate.config.reloads",
                "Changes of the configuration, by outcome",
            ),
            config_is_current: meter
                .u64_gauge("tollgate.config.is_current")
                .with_description("1 while the configuration on disk is the one in force")
                .build(),
            keys: counter(
                meter,
                "tollgate.key.changes",
                "Keys issued, rotated, suspended, revoked here while the service ran",
            ),
        }
    }
}

impl Metrics {
    /// The configuration on disk was put in force, at the start.
    pub fn configured(&self) {
        self.changes.config_is_current.record(1, &[]);
    }

    /// Counts a change of the configuration, and says whether what is on disk is in force.
    pub fn reloaded(&self, is_taken: bool) {
        let outcome = if is_taken { "success" } else { "failure" };
        let outcome = KeyValue::new("outcome", outcome);
        self.changes.config_reloads.add(1, &[outcome]);
        self.changes
            .config_is_current
            .record(u64::from(is_taken), &[]);
    }
}
