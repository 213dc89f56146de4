//! The limit that a request would exceed.

use std::fmt;
use std::time::Duration;

use super::rate_limits::RateLimits;
use super::rule::Rule;
use super::subject::Subject;

/// A limit that a request would exceed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Whose limit it is.
    pub subject: Subject,
    /// The limit, as far as the caller may use it.
    pub rule: Rule,
    /// How much the request may use.
    pub amount: u64,
    /// How much is used or set aside.
    pub used: u64,
    /// When there is room.
    pub until: Until,
    /// What the caller is told of its own limits.
    pub rate_limits: RateLimits,
}

impl fmt::Display for Exceeded {
    /// For an operator: whose limit of what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.rule.meter)
    }
}

/// When there is room for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After so long, if nobody else takes it.
    After(Duration),
    /// When the quota is renewed, in milliseconds since 1970.
    Renewed(i64),
    /// Never: the request may use more than the whole limit.
    Never,
    /// Nobody knows: what is used is counted elsewhere, and that does not answer.
    Unavailable,
}
