//! What the metrics say of usage that the gateway asks for itself.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::Metrics;
use crate::usage::CollectorState;

impl Metrics {
    /// Shows how much is open, and what has become of the rest.
    pub fn observe_collector(
        &self,
        collector: &Arc<CollectorState>,
        open: impl Fn() -> usize + Send + Sync + 'static,
    ) {
        let meter = self.provider.meter("tollgate");
        let _ = meter
            .u64_observable_gauge("tollgate.background.open")
            .with_description("Background responses whose usage is not charged yet")
            .with_callback(move |gauge| {
                gauge.observe(u64::try_from(open()).unwrap_or(u64::MAX), &[]);
            })
            .build();
        let state = Arc::clone(collector);
        let _ = meter
            .u64_observable_counter("tollgate.background.collected")
            .with_description("Background responses that the gateway has asked for and charged")
            .with_callback(move |counter| {
                let status = state.status();
                for (outcome, value) in [
                    ("retrieved", status.retrieved),
                    ("estimated", status.estimated),
                    ("given_up", status.given_up),
                ] {
                    counter.observe(value, &[KeyValue::new("outcome", outcome)]);
                }
            })
            .build();
        let state = Arc::clone(collector);
        let _ = meter
            .u64_observable_counter("tollgate.background.failures")
            .with_description("Attempts to ask for a background response that failed")
            .with_callback(move |counter| counter.observe(state.status().failures, &[]))
            .build();
    }
}
