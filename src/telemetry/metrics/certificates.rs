//! What the metrics say of certificates and revocation lists.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::Metrics;
use crate::auth::CertificateRing;
use crate::auth::certificate::{AuthorityState, ClientExpiry};
use crate::policy::LivePolicy;

impl Metrics {
    /// Observes when certificates end, and how revocation lists fare.
    pub fn observe_certificates(&self, policy: &Arc<LivePolicy>) {
        let meter = self.provider.meter("tollgate");
        let clients = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge("tollgate.client.certificate.expiry.timestamp")
            .with_unit("s")
            .with_description("When the first certificate ends that a client uses")
            .with_callback(move |gauge| {
                for ClientExpiry {
                    client,
                    not_after_unix_s,
                } in ring(&clients).iter().flat_map(|it| it.expiries())
                {
                    gauge.observe(
                        not_after_unix_s,
                        &[KeyValue::new("tollgate.client", client)],
                    );
                }
            })
            .build();
        let authorities = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge("tollgate.certificate.authority.expiry.timestamp")
            .with_unit("s")
            .with_description("When the first anchor or intermediate of an authority ends")
            .with_callback(move |gauge| {
                for state in ring(&authorities).iter().flat_map(|it| it.states()) {
                    gauge.observe(state.not_after_unix_s, &[authority(&state)]);
                }
            })
            .build();
        let lists = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge("tollgate.crl.next_update.timestamp")
            .with_unit("s")
            .with_description("When the first revocation list of an authority ends")
            .with_callback(move |gauge| {
                for state in ring(&lists).iter().flat_map(|it| it.states()) {
                    if let Some(at) = state.next_update_unix_s {
                        gauge.observe(at, &[authority(&state)]);
                    }
                }
            })
            .build();
        let refreshes = Arc::clone(policy);
        let _ = meter
            .u64_observable_counter("tollgate.crl.refreshes")
            .with_description("Revocation lists read and fetched, by outcome")
            .with_callback(move |counter| {
                for state in ring(&refreshes).iter().flat_map(|it| it.states()) {
                    let outcomes = [
                        ("success", state.crl_success),
                        ("failure", state.crl_failure),
                    ];
                    for (outcome, count) in outcomes {
                        let labels = [authority(&state), KeyValue::new("outcome", outcome)];
                        counter.observe(count, &labels);
                    }
                }
            })
            .build();
    }
}

/// What certificates are judged by now, where they are accepted.
fn ring(policy: &LivePolicy) -> Option<Arc<CertificateRing>> {
    policy.now().certificates.clone()
}

fn authority(state: &AuthorityState) -> KeyValue {
    KeyValue::new("tollgate.authority", Arc::clone(&state.name))
}
