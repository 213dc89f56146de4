//! What the metrics say of limits: what they refuse, and how much of each quota is used.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::Metrics;
use super::clients::Clients;
use crate::limits::{Meter, SharedState, Span, Standing, Subject};

/// Requests that a kind of limit has refused.
type Refusals = Vec<(&'static str, Meter, u64)>;

impl Metrics {
    /// Shows what limits have refused, and what is used of the quotas of these subjects.
    pub fn observe_limits(
        &self,
        refusals: impl Fn() -> Refusals + Send + Sync + 'static,
        store: impl Fn() -> Option<SharedState> + Clone + Send + Sync + 'static,
        standings: impl Fn() -> Vec<(Subject, Vec<Standing>)> + Send + Sync + 'static,
    ) {
        let meter = self.provider.meter("tollgate");
        let clients = Arc::clone(&self.clients);
        let _ = meter
            .u64_observable_counter("tollgate.limit.refusals")
            .with_description("Requests that a limit has refused, by whose limit of what it was")
            .with_callback(move |counter| {
                for (scope, limit, count) in refusals() {
                    counter.observe(count, &labels(scope, limit));
                }
            })
            .build();
        let calls = store.clone();
        let _ = meter
            .u64_observable_counter("tollgate.limit.store.calls")
            .with_description("Calls of the servers that replicas count limits in")
            .with_callback(move |counter| {
                if let Some(state) = calls() {
                    counter.observe(state.answered, &[KeyValue::new("outcome", "answered")]);
                    counter.observe(state.failed, &[KeyValue::new("outcome", "failed")]);
                }
            })
            .build();
        let _ = meter
            .u64_observable_gauge("tollgate.limit.store.up")
            .with_description("Whether the servers that replicas count limits in answer: 1 or 0")
            .with_callback(move |gauge| {
                if let Some(state) = store() {
                    gauge.observe(u64::from(state.is_up()), &[]);
                }
            })
            .build();
        let _ = meter
            // Without a unit: `1` would make it `tollgate_quota_used_ratio` in Prometheus.
            .f64_observable_gauge("tollgate.quota.used")
            .with_description("The part of a quota that is used or set aside, from 0 to 1")
            .with_callback(move |gauge| {
                let standings = standings().into_iter();
                for (subject, standings) in standings.filter(|(it, _)| has_name(it, &clients)) {
                    let quotas = standings.iter();
                    let is_quota = |it: &&Standing| matches!(it.rule.meter.span, Span::Period(_));
                    for standing in quotas.filter(is_quota) {
                        let mut labels = labels(subject.kind(), standing.rule.meter).to_vec();
                        labels.extend(names(&subject));
                        gauge.observe(part(standing), &labels);
                    }
                }
            })
            .build();
    }
}

impl Metrics {
    /// Shows what has become of events about limits, by the names of outcomes.
    pub fn observe_limit_events(
        &self,
        outcomes: impl Fn() -> [(&'static str, u64); 3] + Send + Sync + 'static,
    ) {
        let meter = self.provider.meter("tollgate");
        let _ = meter
            .u64_observable_counter("tollgate.limit.events")
            .with_description("Events about quotas, by what has become of them")
            .with_callback(move |counter| {
                for (outcome, count) in outcomes() {
                    counter.observe(count, &[KeyValue::new("outcome", outcome)]);
                }
            })
            .build();
    }
}

fn labels(scope: &'static str, limit: Meter) -> [KeyValue; 3] {
    [
        KeyValue::new("tollgate.limit.scope", scope),
        KeyValue::new("tollgate.limit.measure", limit.measure.as_str()),
        KeyValue::new("tollgate.limit.period", limit.span.as_str()),
    ]
}

/// One of a client without a name of its own would be all of theirs.
fn has_name(subject: &Subject, clients: &Clients) -> bool {
    match subject {
        Subject::Client(client) | Subject::ProductClient { client, .. } => clients.is_named(client),
        _ => true,
    }
}

/// Who it is about; users are callers' words and are never among them.
fn names(subject: &Subject) -> Vec<KeyValue> {
    let name = |key: &'static str, value: &std::sync::Arc<str>| {
        KeyValue::new(key, std::sync::Arc::clone(value))
    };
    match subject {
        Subject::Everything | Subject::User { .. } => Vec::new(),
        Subject::Deployment(deployment) => vec![name("tollgate.deployment", deployment)],
        Subject::Product(product) => vec![name("tollgate.product", product)],
        Subject::Client(client) => vec![name("tollgate.client", client)],
        Subject::ProductClient { product, client } => vec![
            name("tollgate.product", product),
            name("tollgate.client", client),
        ],
    }
}

/// Hundredths of a percent are exact enough to be shown.
fn part(standing: &Standing) -> f64 {
    let used = u128::from(standing.used) * 10_000;
    let part = used
        .checked_div(u128::from(standing.rule.most))
        .unwrap_or(0);
    f64::from(u32::try_from(part).unwrap_or(u32::MAX)) / 10_000.0
}

#[cfg(test)]
mod tests;
