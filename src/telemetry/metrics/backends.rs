//! What the metrics say of backends.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use tokio::time::Instant;

use super::Metrics;
use crate::policy::LivePolicy;
use crate::upstream::{Availability, BackendReport};

impl Metrics {
    /// Shows how often each backend does not accept the identity, and the state of each.
    pub fn observe_backends(&self, policy: &Arc<LivePolicy>) {
        let meter = self.provider.meter("tollgate");
        let source = Arc::clone(policy);
        let _ = meter
            .u64_observable_counter("tollgate.identity.rejections")
            .with_description("Answers of backends that do not accept the identity, by status")
            .with_callback(move |counter| {
                for (report, label) in reports(&source) {
                    let counts = report.rejections;
                    for (status, count) in [("401", counts.unauthorized), ("403", counts.forbidden)]
                    {
                        counter.observe(count, &[label.clone(), KeyValue::new("status", status)]);
                    }
                }
            })
            .build();
        let source = Arc::clone(policy);
        let _ = meter
            .u64_observable_counter("tollgate.backend.attempts")
            .with_description("Attempts at a backend, by outcome")
            .with_callback(move |counter| {
                for (report, label) in reports(&source) {
                    let outcome = |name| [label.clone(), KeyValue::new("outcome", name)];
                    counter.observe(report.served, &outcome("answered"));
                    counter.observe(report.failed, &outcome("failed"));
                }
            })
            .build();
        self.observe_deployments(policy);
    }

    /// Shows how many deployments of each backend may not be asked as others are.
    fn observe_deployments(&self, policy: &Arc<LivePolicy>) {
        let meter = self.provider.meter("tollgate");
        let source = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge("tollgate.backend.resting")
            .with_description("Deployments of a backend that rest; all of it counts as one more")
            .with_callback(move |gauge| {
                for (report, label) in reports(&source) {
                    let rests = |it: &Availability| matches!(it, Availability::Resting(..));
                    let deployments = report.resting.iter().filter(|(_, it)| rests(it)).count();
                    let all = deployments + usize::from(rests(&report.availability));
                    gauge.observe(u64::try_from(all).unwrap_or(u64::MAX), &[label]);
                }
            })
            .build();
        let source = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge("tollgate.backend.full")
            .with_description(
                "Deployments of a backend that have no more room by their own account",
            )
            .with_callback(move |gauge| {
                for (report, label) in reports(&source) {
                    let is_full = |it: &Availability| *it == Availability::Full;
                    let full = report.resting.iter().filter(|(_, it)| is_full(it)).count();
                    gauge.observe(u64::try_from(full).unwrap_or(u64::MAX), &[label]);
                }
            })
            .build();
    }
}

fn reports(policy: &LivePolicy) -> Vec<(BackendReport, KeyValue)> {
    let pools = Arc::clone(&policy.load().pools);
    let report = pools.backends().iter().map(|backend| {
        let label = KeyValue::new("tollgate.backend", Arc::clone(&backend.name));
        (backend.report(Instant::now()), label)
    });
    report.collect()
}
