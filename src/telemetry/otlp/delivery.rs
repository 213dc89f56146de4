//! What becomes of what is sent. Nothing waits for a collector: what finds no room is dropped and counted, and the log
//! says so once a minute.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::error::OTelSdkResult;

use super::client::Client;
use super::exporter::reason;
use super::signal::Signal;

/// How often the log says that something is dropped.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// The counts of a signal.
#[derive(Debug)]
pub struct Delivery {
    signal: Signal,
    /// Most that may wait.
    room: u64,
    waiting: AtomicU64,
    sent: AtomicU64,
    no_room: AtomicU64,
    failed: AtomicU64,
    said: Mutex<Said>,
}

/// What the log has said.
#[derive(Debug, Default)]
struct Said {
    /// When it last said that something is dropped.
    at: Option<Instant>,
    /// That was about the collector, and nobody has said since that it is well.
    is_failing: bool,
}

/// What has become of it all, by the names of outcomes.
pub(in crate::telemetry) type Outcomes = [(&'static str, u64); 3];

impl Delivery {
    /// Of a signal of which so much may wait.
    pub(in crate::telemetry) fn new(signal: Signal, room: usize) -> Self {
        Self {
            signal,
            room: u64::try_from(room).unwrap_or(u64::MAX),
            waiting: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            no_room: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            said: Mutex::default(),
        }
    }

    /// What it counts.
    pub(in crate::telemetry) fn signal(&self) -> Signal {
        self.signal
    }

    /// The counts so far.
    pub(in crate::telemetry) fn outcomes(&self) -> Outcomes {
        let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
        [
            ("sent", count(&self.sent)),
            ("no_room", count(&self.no_room)),
            ("failed", count(&self.failed)),
        ]
    }

    /// Takes a place in the queue, if there is one.
    pub(in crate::telemetry) fn enters(&self) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < self.room {
            return true;
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.no_room.fetch_add(1, Ordering::Relaxed);
        self.warn("the queue is full", false);
        false
    }

    /// So many have left the queue.
    pub(in crate::telemetry) fn leave(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }

    /// A call with so many has ended; the client is the one that has posted it, where it was not gRPC.
    pub(in crate::telemetry) fn ended(
        &self,
        count: usize,
        result: &OTelSdkResult,
        client: Option<&Client>,
    ) {
        match result {
            Ok(()) => self.sent(count),
            Err(error) => self.failed(count, &reason(error, client)),
        }
    }

    /// A collector has answered a call with so many.
    fn sent(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.sent.fetch_add(count, Ordering::Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut said.is_failing) {
            tracing::info!(
                signal = self.signal.as_str(),
                "the collector of OpenTelemetry takes {} again",
                self.signal.pieces()
            );
        }
    }

    /// The collector has not taken so many; they are not sent again.
    fn failed(&self, count: usize, reason: &str) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.failed.fetch_add(count, Ordering::Relaxed);
        self.warn(reason, true);
    }

    fn warn(&self, reason: &str, is_failing: bool) {
        // Whoever finds it locked need not say the same.
        let Ok(mut said) = self.said.try_lock() else {
            return;
        };
        if said.at.is_some_and(|at| at.elapsed() < WARNING_INTERVAL) {
            return;
        }
        said.at = Some(Instant::now());
        said.is_failing |= is_failing;
        let [_, (_, no_room), (_, failed)] = self.outcomes();
        tracing::warn!(
            signal = self.signal.as_str(),
            reason,
            dropped = no_room + failed,
            "{} for OpenTelemetry are dropped",
            self.signal.pieces()
        );
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_a_place_that_is_left_is_free_again() {
        let delivery = Delivery::new(Signal::Traces, 2);
        assert!(delivery.enters());
        assert!(delivery.enters());
        assert!(!delivery.enters());
        delivery.leave(1);
        assert!(delivery.enters());
        delivery.sent(1);
        delivery.failed(1, "503");
        assert_eq!(
            delivery.outcomes(),
            [("sent", 1), ("no_room", 1), ("failed", 1)]
        );
    }

    #[test]
    fn a_call_that_has_ended_is_counted_as_what_it_was() {
        let delivery = Delivery::new(Signal::Metrics, 0);
        delivery.ended(2, &Ok(()), None);
        delivery.ended(3, &Err(OTelSdkError::AlreadyShutdown), None);
        assert_eq!(
            delivery.outcomes(),
            [("sent", 2), ("no_room", 0), ("failed", 3)]
        );
    }

    #[test]
    fn the_log_says_it_once_a_minute_and_when_the_collector_is_well_again() {
        let delivery = Delivery::new(Signal::Traces, 0);
        let said = || {
            let said = delivery.said.lock().expect("no poison");
            (said.at, said.is_failing)
        };
        delivery.failed(1, "503");
        let (first, is_failing) = said();
        assert!(first.is_some() && is_failing);
        delivery.failed(1, "503");
        assert!(!delivery.enters());
        assert_eq!(said(), (first, true), "not said again");
        delivery.sent(1);
        assert_eq!(said(), (first, false));
        delivery.failed(1, "503");
        assert_eq!(said(), (first, false), "not said again within the minute");
    }
}
