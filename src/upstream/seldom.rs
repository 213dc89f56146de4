//! What the log says of a thing that goes on: once a minute at most.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How often the log says it, at most.
pub(super) const INTERVAL: Duration = Duration::from_secs(60);

/// When something was last said.
#[derive(Debug)]
pub(super) struct Seldom {
    since: Instant,
    /// In milliseconds from `since` on, plus one; 0 for never.
    said_ms: AtomicU64,
}

impl Default for Seldom {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            said_ms: AtomicU64::default(),
        }
    }
}

impl Seldom {
    /// Whether it is to be said now; then it is not again for a while.
    pub(super) fn is_due(&self) -> bool {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        let interval = u64::try_from(INTERVAL.as_millis()).unwrap_or(u64::MAX);
        let is_due = |last: u64| last == 0 || now.saturating_sub(last) >= interval;
        let update = |last| is_due(last).then_some(now);
        let order = Ordering::Relaxed;
        self.said_ms.fetch_update(order, order, update).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_said_once_a_minute() {
        let seldom = Seldom::default();
        assert!(seldom.is_due());
        assert!(!seldom.is_due());
        tokio::time::advance(INTERVAL).await;
        assert!(seldom.is_due());
    }
}
