//! What a decision is made by where replicas count together.

use crate::limits::moment::Moment;

/// The state of things at one moment.
#[derive(Clone, Copy, Debug)]
pub(in crate::limits) struct View {
    pub(in crate::limits) now: Moment,
    /// What the server's clock is ahead of the uptime, in milliseconds.
    pub(in crate::limits) ahead_ms: u64,
    pub(in crate::limits) reach: Reach,
    pub(in crate::limits) replicas: u64,
}

/// Whether the shared counters can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limits) enum Reach {
    Up,
    /// They can't: this replica goes on with its part of each limit.
    Alone,
    /// They can't: nothing passes.
    Refusing,
}

impl View {
    /// The same for one that can't ask.
    pub(in crate::limits) const fn refusing(self) -> Self {
        Self {
            reach: Reach::Refusing,
            ..self
        }
    }

    /// The slot that the server's clock was in at a moment of the uptime.
    pub(in crate::limits) const fn slot(&self, uptime_ms: u64, slot_ms: u64) -> u64 {
        uptime_ms.saturating_add(self.ahead_ms) / slot_ms
    }

    /// This replica's part of an amount.
    pub(in crate::limits) fn part(&self, amount: u64) -> u64 {
        (amount / self.replicas.max(1)).max(u64::from(amount > 0))
    }
}
