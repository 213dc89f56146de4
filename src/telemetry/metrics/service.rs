//! How fast the gateway itself is, what requests cost, and how backends answer.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::{counter, seconds};
use crate::usage::{Amount, UsageRecord};

/// Bounds of the histogram of decisions, in seconds.
const DECISION_BOUNDS: [f64; 12] = [
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0,
];
/// Bounds of the histogram of records, in seconds.
const RECORD_BOUNDS: [f64; 10] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
];
const NANOS_PER_UNIT: i64 = 1_000_000_000;

/// The instruments.
pub(super) struct Service {
    decisions: Histogram<f64>,
    records: Histogram<f64>,
    cost: Counter<f64>,
    answers: Counter<u64>,
    opened: Counter<u64>,
}

impl Service {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            decisions: seconds(
                meter,
                "tollgate.decision.duration",
                "Decisions about the headers of requests",
                &DECISION_BOUNDS,
            ),
            records: seconds(
                meter,
                "tollgate.record.duration",
                "From the end of an answer until its record is on the disk",
                &RECORD_BOUNDS,
            ),
            cost: meter
                .f64_counter("tollgate.usage.cost")
                .with_description("What requests cost by the price list, by currency")
                .build(),
            answers: counter(
                meter,
                "tollgate.backend.answers",
                "Answers of backends that ended a request, by the class of their status",
            ),
            opened: counter(
                meter,
                "tollgate.decisions.opened",
                "Sealed decisions of other replicas that were looked at here, by outcome",
            ),
        }
    }

    pub(super) fn opened(&self, is_taken: bool) {
        let outcome = if is_taken { "taken" } else { "refused" };
        self.opened.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    pub(super) fn decided(&self, time: Duration, is_allowed: bool) {
        let decision = if is_allowed { "allow" } else { "deny" };
        let decision = KeyValue::new("decision", decision);
        self.decisions.record(time.as_secs_f64(), &[decision]);
    }

    pub(super) fn recorded(&self, time: Duration) {
        self.records.record(time.as_secs_f64(), &[]);
    }

    /// What has no price costs nothing here; `tollgate.usage.unpriced` counts it.
    pub(super) fn cost(&self, record: &UsageRecord, labels: &[KeyValue]) {
        let Some(cost) = &record.cost else { return };
        let Some(amount) = cost.amount.filter(|it| it.nanos() > 0) else {
            return;
        };
        let currency = Arc::clone(&cost.price.currency);
        let mut labels = labels.to_vec();
        labels.push(KeyValue::new("tollgate.currency", currency));
        self.cost.add(units(amount), &labels);
    }

    pub(super) fn answered(&self, record: &UsageRecord) {
        let class = match record.status {
            None => "none",
            Some(..=199) => "1xx",
            Some(200..=299) => "2xx",
            Some(300..=399) => "3xx",
            Some(400..=499) => "4xx",
            Some(500..) => "5xx",
        };
        let backend = KeyValue::new("tollgate.backend", Arc::clone(&record.backend));
        let class = KeyValue::new("tollgate.status.class", class);
        self.answers.add(1, &[backend, class]);
    }
}

/// An amount in units of its currency: near enough to be shown. Accounts are made from the ledger.
fn units(amount: Amount) -> f64 {
    let part = |nanos: i64| i32::try_from(nanos).map_or(f64::from(i32::MAX), f64::from);
    let (whole, rest) = (
        amount.nanos() / NANOS_PER_UNIT,
        amount.nanos() % NANOS_PER_UNIT,
    );
    part(whole) + part(rest) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_shown_in_units() {
        for (nanos, shown) in [(0, 0.0), (2_500_000_000, 2.5), (1, 1e-9)] {
            let found = units(Amount::from_nanos(nanos));
            assert!((found - shown).abs() < 1e-12, "{nanos}: {found}");
        }
    }
}
