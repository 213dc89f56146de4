//! Budgets that warn before they end.

use super::rule::Meter;
use super::subject::Subject;

/// At how many percent of a quota somebody is told, in rising order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds(Vec<u8>);

impl Default for Thresholds {
    fn default() -> Self {
        Self(vec![50, 80, 100])
    }
}

impl Thresholds {
    /// Percentages in any order.
    pub fn new(mut percent: Vec<u8>) -> Self {
        percent.sort_unstable();
        Self(percent)
    }

    /// The highest one that is reached.
    pub(super) fn passed(&self, used: u64, most: u64) -> Option<u8> {
        // Nobody has asked for it yet, so its limit is not known.
        if most == 0 {
            return None;
        }
        let used = u128::from(used) * 100;
        let is_reached = |percent: &&u8| used >= u128::from(most) * u128::from(**percent);
        self.0.iter().rev().find(is_reached).copied()
    }
}

/// A threshold that was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Whose quota it is.
    pub subject: Subject,
    /// What it counts.
    pub meter: Meter,
    /// The threshold.
    pub percent: u8,
    /// What was used.
    pub used: u64,
    /// The quota.
    pub most: u64,
    /// When it is renewed, in milliseconds since 1970.
    pub renews_ms: i64,
}
