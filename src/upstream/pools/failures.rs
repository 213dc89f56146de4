//! How often a backend has failed since its last answer, and when the log says it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::upstream::Rejections;
use crate::upstream::seldom::Seldom;

/// The status of a backend that is well and has too much to do.
const TOO_MANY_REQUESTS: u16 = 429;

/// Failures since the last answer.
#[derive(Debug, Default)]
pub(super) struct FailuresInARow {
    count: AtomicU64,
    log: Seldom,
    is_logged: AtomicBool,
}

impl FailuresInARow {
    /// Another one, with a status or without an answer.
    pub(super) fn add(&self, backend: &str, status: Option<u16>) {
        if status == Some(TOO_MANY_REQUESTS) {
            return;
        }
        let is_first = self.count.fetch_add(1, Ordering::Relaxed) == 0;
        // What is wrong with the identity is said with what to do about it.
        let is_said = status.is_some_and(Rejections::is_one);
        if is_first && !is_said && self.log.is_due() {
            self.is_logged.store(true, Ordering::Relaxed);
            match status {
                Some(status) => tracing::warn!(
                    backend,
                    status,
                    "the backend fails: this is what it answers, or Envoy in its place"
                ),
                None => tracing::warn!(backend, "the backend fails: it gives no answer"),
            }
        }
    }

    /// It has answered.
    pub(super) fn end(&self, backend: &str) {
        // Only read where all is well: each request comes here.
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let failures = self.count.swap(0, Ordering::Relaxed);
        if self.is_logged.swap(false, Ordering::Relaxed) {
            tracing::info!(backend, failures, "the backend answers again");
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_until_an_answer_and_too_many_requests_are_none() {
        let row = FailuresInARow::default();
        for status in [Some(500), None, Some(429), Some(401)] {
            row.add("sweden", status);
        }
        assert_eq!(row.count(), 3);
        assert!(row.is_logged.load(Ordering::Relaxed));
        row.end("sweden");
        assert_eq!(row.count(), 0);
        assert!(!row.is_logged.load(Ordering::Relaxed));
        // The next row begins within the minute.
        row.add("sweden", Some(500));
        assert!(!row.is_logged.load(Ordering::Relaxed), "said at each turn");
    }
}
