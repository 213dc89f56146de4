//! What the configuration says of limits, besides those of clients and products.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::alarm::Thresholds;
use super::calendar::Calendar;
use super::rule::Rule;
use super::subject::Subject;

/// The limits of all together, and how limits are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitSettings {
    /// What all clients together may use.
    pub everything: Arc<[Rule]>,
    /// What all clients together may use of a deployment, by its name.
    pub deployments: HashMap<Arc<str>, Arc<[Rule]>>,
    /// Where the periods of quotas begin.
    pub calendar: Calendar,
    /// When somebody is told how much of a quota is used.
    pub thresholds: Thresholds,
    /// What is kept for whom.
    pub reserves: Reserves,
}

/// Who comes first where several clients share a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Before all others.
    High,
    /// Most.
    #[default]
    Normal,
    /// When nobody else wants it.
    Low,
}

/// How many percent of each shared limit are kept for clients of a priority and above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserves {
    /// Kept for high priority.
    pub high: u8,
    /// Kept for normal and high priority, in addition.
    pub normal: u8,
}

impl Reserves {
    /// How many percent of a limit a client may use.
    pub const fn percent(self, subject: &Subject, priority: Priority) -> u8 {
        match subject.is_own() {
            true => 100,
            false => 100_u8.saturating_sub(self.kept(priority)),
        }
    }

    /// How many percent of what is shared are kept for clients of a higher priority.
    pub const fn kept(self, priority: Priority) -> u8 {
        match priority {
            Priority::High => 0,
            Priority::Normal => self.high,
            Priority::Low => self.high.saturating_add(self.normal),
        }
    }
}

/// How requests wait for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queueing {
    /// How long at most.
    pub max_wait: Duration,
    /// How many at most, for one limit.
    pub max_requests: usize,
}
