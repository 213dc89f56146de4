//! `metrics`: how much the metrics tell apart.

use super::problem::Problem;
use super::problems::Problems;
use super::written::Metrics;
use crate::telemetry::LabelLimits;

/// Fewer would not hold one client at one deployment.
const MIN_SERIES: usize = 100;
/// A hundred metrics with so many would be some gigabytes.
const MAX_SERIES: usize = 1_000_000;

pub(super) fn metrics(written: Option<&Metrics>, problems: &mut Problems) -> LabelLimits {
    let default = LabelLimits::default();
    let Some(labels) = written.and_then(|it| it.labels.as_ref()) else {
        return default;
    };
    let max_series = labels.max_series.as_ref().map_or(default.max_series, |it| {
        if !(MIN_SERIES..=MAX_SERIES).contains(&it.value) {
            let message = format!("must be from {MIN_SERIES} to {MAX_SERIES}");
            problems.push(Problem::at(it.referenced, message));
        }
        it.value
    });
    LabelLimits {
        max_clients: labels.max_clients,
        max_series,
    }
}
