//! The two clocks that limits run by.

#[cfg(test)]
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::Instant;

use crate::unix_time;

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds that only grow: what any second and any minute are measured by.
    pub uptime_ms: u64,
    /// Milliseconds since 1970: what periods of the calendar are measured by.
    pub unix_ms: i64,
}

/// A clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    started: Instant,
    /// Milliseconds since 1970 when it was started; `None`: the system's clock is asked each time.
    #[cfg(test)]
    unix_ms: Option<&'static AtomicI64>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            #[cfg(test)]
            unix_ms: None,
        }
    }

    /// A clock that follows the paused one of a test.
    #[cfg(test)]
    pub(super) fn simulated(unix_ms: i64) -> Self {
        Self {
            unix_ms: Some(Box::leak(Box::new(AtomicI64::new(unix_ms)))),
            ..Self::start()
        }
    }

    /// Somebody sets the clock.
    #[cfg(test)]
    pub(super) fn set(self, by_ms: i64) {
        if let Some(start) = self.unix_ms {
            start.fetch_add(by_ms, Ordering::Relaxed);
        }
    }

    pub(super) fn now(self) -> Moment {
        let uptime = self.started.elapsed().as_millis();
        let unix = unix_time::now().as_millis();
        let moment = Moment {
            uptime_ms: u64::try_from(uptime).unwrap_or(u64::MAX),
            unix_ms: i64::try_from(unix).unwrap_or(i64::MAX),
        };
        #[cfg(test)]
        if let Some(start) = self.unix_ms {
            let passed = i64::try_from(moment.uptime_ms).unwrap_or(i64::MAX);
            return Moment {
                unix_ms: start.load(Ordering::Relaxed).saturating_add(passed),
                ..moment
            };
        }
        moment
    }
}
