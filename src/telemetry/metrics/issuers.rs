//! What the metrics say of issuers.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::Metrics;
use crate::auth::{KeyStatus, Tokens};
use crate::policy::LivePolicy;

impl Metrics {
    /// Shows the state of each issuer's keys.
    pub fn observe_issuers(&self, policy: &Arc<LivePolicy>) {
        let meter = self.provider.meter("tollgate");
        let each = |tokens: &Tokens, mut show: Box<dyn FnMut(KeyStatus, KeyValue) + '_>| {
            for issuer in tokens.issuers() {
                let label = KeyValue::new("issuer", Arc::clone(issuer.name()));
                show(issuer.keys().status(), label);
            }
        };
        let source = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge("tollgate.issuer.keys")
            .with_description("Keys of an issuer that tokens can be verified with")
            .with_callback(move |gauge| {
                let show = |status: KeyStatus, label| {
                    gauge.observe(u64::try_from(status.keys).unwrap_or(u64::MAX), &[label]);
                };
                each(&source.load().tokens, Box::new(show));
            })
            .build();
        let source = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge("tollgate.issuer.refreshed.timestamp")
            .with_unit("s")
            .with_description("When an issuer's keys were last fetched, in seconds since 1970")
            .with_callback(move |gauge| {
                let show = |status: KeyStatus, label| {
                    gauge.observe(status.refreshed_unix_s, &[label]);
                };
                each(&source.load().tokens, Box::new(show));
            })
            .build();
        let source = Arc::clone(policy);
        let _ = meter
            .u64_observable_counter("tollgate.issuer.refreshes")
            .with_description("Fetches of an issuer's keys, by outcome")
            .with_callback(move |counter| {
                let show = |status: KeyStatus, label: KeyValue| {
                    let outcome = |name| [label.clone(), KeyValue::new("outcome", name)];
                    counter.observe(status.success, &outcome("success"));
                    counter.observe(status.failure, &outcome("failure"));
                };
                each(&source.load().tokens, Box::new(show));
            })
            .build();
    }
}
