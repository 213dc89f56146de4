//! What the metrics say of the usage ledger.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::{Metrics, seconds};
use crate::usage::{LedgerState, LedgerStatus, UsageRecord};

/// Bounds of the histogram of waits for the disk, in seconds.
const WAIT_BOUNDS: [f64; 8] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0];

impl Metrics {
    /// Counts a request whose usage has no price.
    pub fn unpriced(&self, record: &UsageRecord) {
        let deployment = self.served.label(record);
        self.unpriced
            .add(1, &[KeyValue::new("tollgate.deployment", deployment)]);
    }

    /// Shows the state of the ledger.
    pub fn observe_ledger(&self, ledger: &Arc<LedgerState>) {
        self.gauge(
            ledger,
            "tollgate.ledger.waiting",
            "Records that wait to be written to the ledger",
            |status| Some(status.waiting),
        );
        self.gauge(
            ledger,
            "tollgate.ledger.failing",
            "1 while records can't be written to the ledger",
            |status| Some(u64::from(status.is_failing)),
        );
        self.gauge(
            ledger,
            "tollgate.ledger.disk.free.bytes",
            "Bytes that are free on the ledger's disk",
            |status| Some(status.free_bytes),
        );
        self.gauge(
            ledger,
            "tollgate.ledger.disk.nearly_full",
            "1 while the ledger's disk is nearly full",
            |status| Some(u64::from(status.is_nearly_full)),
        );
        self.gauge(
            ledger,
            "tollgate.ledger.outbox.waiting",
            "Records of the ledger that PostgreSQL does not have yet",
            |status| status.outbox_waiting,
        );
        self.gauge(
            ledger,
            "tollgate.ledger.outbox.refused",
            "Records that PostgreSQL has refused for their data",
            |status| status.outbox_waiting.map(|_| status.not_copied),
        );
        self.count(
            ledger,
            "tollgate.ledger.records",
            "Usage records, written and lost",
            |status| vec![("written", status.written), ("lost", status.lost)],
        );
        self.count(
            ledger,
            "tollgate.ledger.failures",
            "Attempts to write the ledger, to fill its file and to copy it to PostgreSQL that failed",
            |status| {
                let own = [("write", status.failures), ("fill", status.fill_failures)];
                let copy = status.outbox_waiting.map(|_| ("copy", status.outbox_failures));
                own.into_iter().chain(copy).collect()
            },
        );
        let waits = seconds(
            &self.provider.meter("tollgate"),
            "tollgate.ledger.write.duration",
            "From a record's end to the disk: the first record of each group",
            &WAIT_BOUNDS,
        );
        ledger.observe_waits(move |wait| waits.record(wait.as_secs_f64(), &[]));
    }

    fn gauge(
        &self,
        ledger: &Arc<LedgerState>,
        name: &'static str,
        description: &'static str,
        value: fn(&LedgerStatus) -> Option<u64>,
    ) {
        let ledger = Arc::clone(ledger);
        let _ = self
            .provider
            .meter("tollgate")
            .u64_observable_gauge(name)
            .with_description(description)
            .with_callback(move |gauge| {
                if let Some(value) = value(&ledger.status()) {
                    gauge.observe(value, &[]);
                }
            })
            .build();
    }

    fn count(
        &self,
        ledger: &Arc<LedgerState>,
        name: &'static str,
        description: &'static str,
        values: fn(&LedgerStatus) -> Vec<(&'static str, u64)>,
    ) {
        let ledger = Arc::clone(ledger);
        let _ = self
            .provider
            .meter("tollgate")
            .u64_observable_counter(name)
            .with_description(description)
            .with_callback(move |counter| {
                for (outcome, value) in values(&ledger.status()) {
                    counter.observe(value, &[KeyValue::new("outcome", outcome)]);
                }
            })
            .build();
    }
}
