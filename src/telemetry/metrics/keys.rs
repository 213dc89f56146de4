//! What the metrics say of the keys that were issued at run time.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::Metrics;
use crate::control::{KeyAction, Replica};

impl Metrics {
    /// Shows how many issued keys there are, and how fresh that is.
    pub fn observe_issued_keys(&self, replica: &Arc<Replica>) {
        let meter = self.provider.meter("tollgate");
        let source = Arc::clone(replica);
        let _ = meter
            .u64_observable_gauge("tollgate.issued_keys")
            .with_description("Keys that were issued at run time, by state")
            .with_callback(move |gauge| {
                let counts = source.keys().counts();
                for (state, count) in [
                    ("active", counts.active),
                    ("suspended", counts.suspended),
                    ("revoked", counts.revoked),
                ] {
                    gauge.observe(count, &[KeyValue::new("state", state)]);
                }
            })
            .build();
        let source = Arc::clone(replica);
        let _ = meter
            .f64_observable_gauge("tollgate.issued_keys.poll.age")
            .with_unit("s")
            .with_description("How long ago the key database was last read successfully")
            .with_callback(move |gauge| gauge.observe(source.poll_age().as_secs_f64(), &[]))
            .build();
    }

    /// Counts a change of a key.
    pub fn key_changed(&self, action: KeyAction) {
        let label = KeyValue::new("action", action.as_str());
        self.changes.keys.add(1, &[label]);
    }
}
