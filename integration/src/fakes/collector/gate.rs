//! A door that can be shut: who comes then waits, and can be seen to.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The door; it is open at first.
#[derive(Default)]
pub(super) struct Gate {
    is_shut: watch::Sender<bool>,
    waiting: Mutex<Vec<&'static str>>,
}

impl Gate {
    /// Shuts or opens it.
    pub(super) fn shut(&self, is_shut: bool) {
        self.is_shut.send_replace(is_shut);
    }

    /// Who waits, sorted.
    pub(super) fn waiting(&self) -> Vec<&'static str> {
        let mut waiting = self.lock().clone();
        waiting.sort_unstable();
        waiting
    }

    /// Waits until it is open.
    pub(super) async fn pass(&self, who: &'static str) {
        self.lock().push(who);
        let _waiting = Waiting(self, who);
        // Who shuts it is still there: it is this one's.
        let _ = self.is_shut.subscribe().wait_for(|it| !it).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<&'static str>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits, until they are let in or have gone.
struct Waiting<'a>(&'a Gate, &'static str);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        if let Some(at) = waiting.iter().position(|it| *it == self.1) {
            waiting.swap_remove(at);
        }
    }
}
