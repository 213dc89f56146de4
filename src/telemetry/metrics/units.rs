//! Billed units other than tokens, why answers end, and how fast their tokens come.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::{counter, seconds};
use crate::telemetry::conventions::TIME_PER_OUTPUT_TOKEN;
use crate::usage::UsageRecord;

/// Bucket bounds that the conventions recommend for the time of a token, in seconds.
const PER_TOKEN_BOUNDS: [f64; 13] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
];

/// The instruments.
pub(super) struct UnitMetrics {
    units: Counter<u64>,
    finished: Counter<u64>,
    time_per_output_token: Histogram<f64>,
}

impl UnitMetrics {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            units: counter(
                meter,
                "tollgate.usage.units",
                "Billed units other than tokens: images, milliseconds of audio, characters",
            ),
            finished: counter(
                meter,
                "tollgate.answers.finished",
                "Answers of a model, by why it stopped",
            ),
            time_per_output_token: seconds(
                meter,
                TIME_PER_OUTPUT_TOKEN,
                "The time that each token of a stream took after the first",
                &PER_TOKEN_BOUNDS,
            ),
        }
    }

    /// Records units and the reason to stop of a request that has ended.
    pub(super) fn record(&self, record: &UsageRecord, labels: &[KeyValue]) {
        let with = |key: &'static str, value: &'static str| {
            let mut all = labels.to_vec();
            all.push(KeyValue::new(key, value));
            all
        };
        let units = &record.units;
        for (unit, count) in [
            ("image", units.images),
            ("audio_ms", units.audio_ms),
            ("character", units.characters),
        ] {
            if count > 0 {
                self.units.add(count, &with("tollgate.unit", unit));
            }
        }
        if let Some(reason) = record.outcome.finish_reason {
            let labels = with("tollgate.finish.reason", reason.as_str());
            self.finished.add(1, &labels);
        }
    }

    /// Records how fast the tokens of a stream came.
    pub(super) fn record_pace(&self, record: &UsageRecord, labels: &[KeyValue]) {
        if let Some(time) = record.time_per_output_token() {
            self.time_per_output_token
                .record(Duration::as_secs_f64(&time), labels);
        }
    }
}
