//! Budgets that warn before they end, in the log.

use crate::limits::{Alarm, Measure};
use crate::usage::{Amount, rfc3339};

/// Says that a threshold of a quota was passed.
pub fn log_alarms(alarm: &Alarm) {
    let shown = |amount: u64| match alarm.meter.measure {
        Measure::Cost => Amount::from_unsigned_nanos(amount).to_string(),
        _ => amount.to_string(),
    };
    tracing::warn!(
        of = %alarm.subject,
        quota = %alarm.meter,
        percent = alarm.percent,
        used = shown(alarm.used),
        limit = shown(alarm.most),
        renews = rfc3339(alarm.renews_ms),
        "a quota has reached a threshold"
    );
}
