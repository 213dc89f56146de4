//! Whether something that is tried again and again fails just now: counted each time, and news only once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The failures of one kind of attempt.
#[derive(Debug, Default)]
pub(super) struct Failing {
    failures: AtomicU64,
    is_failing: AtomicBool,
}

impl Failing {
    /// An attempt has failed. Says whether the one before it had not.
    pub(super) fn failed(&self) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        !self.is_failing.swap(true, Ordering::Relaxed)
    }

    /// An attempt has succeeded. Says whether the one before it had failed.
    pub(super) fn succeeded(&self) -> bool {
        // Read first: it is called for every record, and hardly ever is there news.
        self.is_failing() && self.is_failing.swap(false, Ordering::Relaxed)
    }

    /// Whether the last attempt has failed.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// How many attempts have failed.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_counted_and_only_a_change_is_news() {
        let failing = Failing::default();
        assert!(!failing.succeeded(), "nothing had failed");
        assert!(failing.failed(), "the first failure is news");
        assert!(!failing.failed(), "the second one is not");
        assert!(failing.is_failing());
        assert!(failing.succeeded(), "the end of it is news");
        assert!(!failing.succeeded());
        assert!(!failing.is_failing());
        assert!(failing.failed(), "and so is the next failure");
        assert_eq!(failing.failures(), 3);
    }
}
