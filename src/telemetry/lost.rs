//! Lines of the audit log, or of another, that nobody will read: counted for the metrics, and said in the service's log.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The count. Copies are of the same one.
#[derive(Clone)]
pub(super) struct Lost {
    what: &'static str,
    count: Arc<AtomicU64>,
}

impl Lost {
    /// None yet of what is named.
    pub(super) fn of(what: &'static str) -> Self {
        Self {
            what,
            count: Arc::default(),
        }
    }

    /// The count itself.
    pub(super) fn shared(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.count)
    }

    /// So many more are lost. The log says so of the first, and whenever there are twice as many.
    pub(super) fn count(&self, lines: usize, why: &dyn fmt::Display) {
        let lines = u64::try_from(lines).unwrap_or(u64::MAX);
        let before = self.count.fetch_add(lines, Ordering::Relaxed);
        let lost = before.saturating_add(lines);
        if lost.checked_ilog2() != before.checked_ilog2() {
            tracing::error!(lost, %why, "{} are lost", self.what);
        }
    }
}
