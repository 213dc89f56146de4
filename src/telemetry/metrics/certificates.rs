//! What the metrics say of client certificates and their authorities.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};

use super::Metrics;
use crate::auth::CertificateRing;
use crate::auth::certificate::{AuthorityState, ClientExpiry, CrlState};
use crate::policy::LivePolicy;

/// What a gauge says of an authority; `None` where it has nothing to say.
type Look = fn(&AuthorityState) -> Option<u64>;

impl Metrics {
    /// Observes when certificates expire, and the state of anchors and revocation lists.
    pub fn observe_certificates(&self, policy: &Arc<LivePolicy>) {
        let meter = self.provider.meter("tollgate");
        let clients = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge("tollgate.client.certificate.expiry.timestamp")
            .with_unit("s")
            .with_description("When the first certificate that a client uses expires")
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
        observe_authorities(&meter, policy);
        observe_refreshes(
            &meter,
            policy,
            "tollgate.crl.refreshes",
            "Revocation lists read and fetched, by outcome",
            |state| Some(state.crl_refreshes),
        );
        observe_refreshes(
            &meter,
            policy,
            "tollgate.certificate.authority.anchor.refreshes",
            "Fetches of trust anchors, by outcome",
            |state| (state.sources > 0).then_some(state.anchor_refreshes),
        );
    }
}

fn observe_authorities(meter: &Meter, policy: &Arc<LivePolicy>) {
    let gauges: [(&'static str, &'static str, &'static str, Look); 4] = [
        (
            "tollgate.certificate.authority.expiry.timestamp",
            "s",
            "When the first anchor or intermediate of an authority expires",
            |state| state.not_after_unix_s,
        ),
        (
            "tollgate.certificate.authority.anchors",
            "",
            "Trust anchors of an authority; without any, none of its certificates is accepted",
            |state| Some(u64::try_from(state.anchors).unwrap_or(u64::MAX)),
        ),
        (
            "tollgate.certificate.authority.crl.fresh",
            "",
            "1 while an authority has revocation lists and none of them has expired",
            |state| match state.crl {
                CrlState::Off => None,
                CrlState::Fresh => Some(1),
                CrlState::Missing | CrlState::Stale => Some(0),
            },
        ),
        (
            "tollgate.crl.next_update.timestamp",
            "s",
            "When the first revocation list of an authority expires",
            |state| state.next_update_unix_s,
        ),
    ];
    for (name, unit, description, look) in gauges {
        let policy = Arc::clone(policy);
        let _ = meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |gauge| {
                for state in ring(&policy).iter().flat_map(|it| it.states()) {
                    if let Some(value) = look(&state) {
                        gauge.observe(value, &[authority(&state)]);
                    }
                }
            })
            .build();
    }
}

fn observe_refreshes(
    meter: &Meter,
    policy: &Arc<LivePolicy>,
    name: &'static str,
    description: &'static str,
    look: fn(&AuthorityState) -> Option<(u64, u64)>,
) {
    let policy = Arc::clone(policy);
    let _ = meter
        .u64_observable_counter(name)
        .with_description(description)
        .with_callback(move |counter| {
            for state in ring(&policy).iter().flat_map(|it| it.states()) {
                let Some((success, failure)) = look(&state) else {
                    continue;
                };
                for (outcome, count) in [("success", success), ("failure", failure)] {
                    let labels = [authority(&state), KeyValue::new("outcome", outcome)];
                    counter.observe(count, &labels);
                }
            }
        })
        .build();
}

/// What certificates are judged by now, where they are accepted.
fn ring(policy: &LivePolicy) -> Option<Arc<CertificateRing>> {
    policy.load().certificates.clone()
}

fn authority(state: &AuthorityState) -> KeyValue {
    KeyValue::new("tollgate.authority", Arc::clone(&state.name))
}
