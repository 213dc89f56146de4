//! What the metrics say of telemetry that is sent elsewhere.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::Metrics;
use crate::telemetry::otlp::Delivery;

impl Metrics {
    /// Shows what becomes of signals.
    pub fn observe_delivery(&self, deliveries: Vec<Arc<Delivery>>) {
        if deliveries.is_empty() {
            return;
        }
        let _ = self
            .provider
            .meter("tollgate")
            .u64_observable_counter("tollgate.telemetry.items")
            .with_description("Spans, metrics and records of logs sent to a collector, and those that were dropped")
            .with_callback(move |counter| {
                for delivery in &deliveries {
                    for (outcome, count) in delivery.outcomes() {
                        let signal = KeyValue::new("signal", delivery.signal().as_str());
                        counter.observe(count, &[signal, KeyValue::new("outcome", outcome)]);
                    }
                }
            })
            .build();
    }
}
