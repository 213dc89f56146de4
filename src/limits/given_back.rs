//! A word to those who wait: something was given back.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Who waits, and how they are told.
#[derive(Debug, Default)]
pub(super) struct GivenBack {
    waiting: AtomicUsize,
    notify: Notify,
}

impl GivenBack {
    /// One more waits.
    pub(super) fn enter(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// One has gone.
    pub(super) fn leave(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Something was given back: whoever is first may try again.
    pub(super) fn tell(&self) {
        if self.waiting() > 0 {
            self.notify.notify_waiters();
        }
    }

    /// The next time that something is given back, from now on.
    pub(super) fn next(&self) -> Notified<'_> {
        self.notify.notified()
    }
}
