//! What is left of limits, and what a caller is told of its own.

use std::time::Duration;

use super::rule::{Meter, Rule, Span};

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The limit, as far as the caller may use it.
    pub rule: Rule,
    /// All of it: the rest is kept for higher priorities.
    pub whole: u64,
    /// What was used, with what is set aside for requests that are under way.
    pub used: u64,
    /// How much of that is set aside, where it is known.
    pub set_aside: Option<u64>,
    /// When all of it is there again.
    pub resets: Resets,
}

/// When all of a limit is there again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resets {
    /// After so long.
    In(Duration),
    /// At this moment, in milliseconds since 1970.
    At(i64),
    /// When the requests that are under way have ended.
    WithRequests,
}

impl Standing {
    /// What was used, without what is set aside, where that is known.
    pub fn settled(&self) -> u64 {
        self.used.saturating_sub(self.set_aside.unwrap_or(0))
    }

    /// What is left.
    pub const fn remaining(&self) -> u64 {
        self.rule.most.saturating_sub(self.used)
    }
}

/// What a caller is told of its own limits of requests and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of its limits of requests, the one of which least is left.
    pub requests: Option<Standing>,
    /// The same of tokens.
    pub tokens: Option<Standing>,
}

impl RateLimits {
    /// Whether limits of this kind are among them.
    pub(super) const fn have(meter: Meter) -> bool {
        matches!(meter.span, Span::Second | Span::Minute)
    }

    pub(super) fn add(&mut self, standing: Standing) {
        let place = match standing.rule.meter.measure.is_tokens() {
            true => &mut self.tokens,
            false => &mut self.requests,
        };
        let is_nearer = place.is_none_or(|known| standing.remaining() < known.remaining());
        if is_nearer {
            *place = Some(standing);
        }
    }
}
