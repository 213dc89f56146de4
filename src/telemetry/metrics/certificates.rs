//! What the metrics say of client certificates and their authorities.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};

use super::Metrics;
use crate::auth::CertificateRing;
use crate::auth::certificate::{AuthorityState, ClientExpiry, CrlState};

/// What a gauge says of an authority; `None` where it has nothing to say.
type Look = fn(&AuthorityState) -> Option<u64>;

impl Metrics {
    /// Observes when certificates end, and how anchors and revocation lists fare.
    pub fn observe_certificates(&self, ring: &Arc<CertificateRing>) {
        let meter = self.provider.meter("tollgate");
        let clients = Arc::clone(ring);
        let _ = meter
            .u64_observable_gauge("tollgate.client.certificate.expiry.timestamp")
            .with_unit("s")
            .with_description("When the first certificate ends that a client uses")
            .with_callback(move |gauge| {
                for ClientExpiry {
                    client,
                    not_after_unix_s,
                } in clients.expiries()
                {
                    gauge.observe(
                        not_after_unix_s,
                        &[KeyValue::new("tollgate.client", client)],
                    );
                }
            })
            .build();
        observe_authorities(&meter, ring);
        observe_refreshes(
            &meter,
            ring,
            (
                "tollgate.crl.refreshes",
                "Revocation lists read and fetched, by outcome",
            ),
            |state| Some(state.crl_refreshes),
        );
        observe_refreshes(
            &meter,
            ring,
            (
                "tollgate.certificate.authority.anchor.refreshes",
                "Trust anchors asked for outside, by outcome",
            ),
            |state| (state.sources > 0).then_some(state.anchor_refreshes),
        );
    }
}

fn observe_authorities(meter: &Meter, ring: &Arc<CertificateRing>) {
    let gauges: [(&'static str, &'static str, &'static str, Look); 4] = [
        (
            "tollgate.certificate.authority.expiry.timestamp",
            "s",
            "When the first anchor or intermediate of an authority ends",
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
            "1 while an authority has revocation lists and none of them has ended",
            |state| match state.crl {
                CrlState::Off => None,
                CrlState::Fresh => Some(1),
                CrlState::Missing | CrlState::Stale => Some(0),
            },
        ),
        (
            "tollgate.crl.next_update.timestamp",
            "s",
            "When the first revocation list of an authority ends",
            |state| state.next_update_unix_s,
        ),
    ];
    for (name, unit, description, look) in gauges {
        let ring = Arc::clone(ring);
        let _ = meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |gauge| {
                for state in ring.states() {
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
    ring: &Arc<CertificateRing>,
    (name, description): (&'static str, &'static str),
    look: fn(&AuthorityState) -> Option<(u64, u64)>,
) {
    let ring = Arc::clone(ring);
    let _ = meter
        .u64_observable_counter(name)
        .with_description(description)
        .with_callback(move |counter| {
            for state in ring.states() {
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

fn authority(state: &AuthorityState) -> KeyValue {
    KeyValue::new("tollgate.authority", Arc::clone(&state.name))
}
