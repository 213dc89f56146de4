//! What is kept of a request's limits while it is under way.

use crate::limits::{RateLimits, Reservation};

/// What was set aside for a request, and what it takes to learn from its answer.
#[derive(Debug)]
pub(crate) struct Limited {
    pub(super) reservation: Reservation,
    pub(super) basis: Basis,
}

/// What an expectation was made from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Basis {
    /// Bytes of the prompt, where all of it is text; else 0.
    pub(super) bytes: u64,
    /// Answers that are asked for.
    pub(super) choices: u64,
}

impl Limited {
    /// What was set aside by an expectation.
    pub(in crate::gateway) const fn new(reservation: Reservation, basis: Basis) -> Self {
        Self { reservation, basis }
    }

    /// The request goes out.
    pub(in crate::gateway) fn sent(&mut self) {
        self.reservation.sent();
    }

    /// What the caller is told of its limits.
    pub(crate) const fn rate_limits(&self) -> &RateLimits {
        self.reservation.rate_limits()
    }
}
