//! What has become of usage that the gateway asks for itself, for health and metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::failing::Failing;

/// Counters and the condition of whoever asks.
#[derive(Debug, Default)]
pub struct CollectorState {
    retrieved: AtomicU64,
    estimated: AtomicU64,
    given_up: AtomicU64,
    asking: Failing,
}

/// How something was settled that the gateway has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// With the service's own numbers.
    Retrieved,
    /// It ended without numbers.
    Estimated,
    /// It is gone, or could not be asked for as long as the service keeps it.
    GivenUp,
}

/// The condition at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectorStatus {
    /// Settled with the service's own numbers.
    pub retrieved: u64,
    /// Settled by an estimate: it ended without numbers.
    pub estimated: u64,
    /// Settled by what was asked for: it is gone.
    pub given_up: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// The last attempt failed.
    pub is_failing: bool,
}

impl CollectorState {
    /// Something is settled.
    pub fn settled(&self, how: Collected) {
        let counter = match how {
            Collected::Retrieved => &self.retrieved,
            Collected::Estimated => &self.estimated,
            Collected::GivenUp => &self.given_up,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The service has answered.
    pub fn answered(&self) {
        if self.asking.succeeded() {
            tracing::info!("background usage can be asked for again");
        }
    }

    /// An attempt has failed.
    pub fn failed(&self, error: &dyn std::fmt::Display) {
        match self.asking.failed() {
            true => tracing::error!(%error, "background usage can't be asked for; it waits here"),
            false => tracing::debug!(%error, "background usage can't be asked for yet"),
        }
    }

    /// The condition now.
    pub fn status(&self) -> CollectorStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CollectorStatus {
            retrieved: count(&self.retrieved),
            estimated: count(&self.estimated),
            given_up: count(&self.given_up),
            failures: self.asking.failures(),
            is_failing: self.asking.is_failing(),
        }
    }
}
