//! Events that wait to be sent: a bounded queue, which no request waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::collector::{Collector, Failure, Target};

const EVENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// Events that may wait; each has less than a kilobyte.
const MAX_WAITING: usize = 1_000;
/// What still waits is tried once before the process ends, if that is possible within this time.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where events are put. When the last one of it is gone, no more come.
pub struct Outbox {
    queue: mpsc::Sender<Vec<u8>>,
    state: Arc<OutboxState>,
}

/// What has become of events.
#[derive(Debug, Default)]
pub struct OutboxState {
    sent: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
    /// Whether somebody was told that they do not get through.
    is_said: AtomicBool,
    /// Whether somebody was told that some are lost.
    is_loss_said: AtomicBool,
}

impl OutboxState {
    /// How many were taken by the collector, refused by it, and dropped here, with the names of these.
    pub fn outcomes(&self) -> [(&'static str, u64); 3] {
        [
            ("sent", &self.sent),
            ("refused", &self.refused),
            ("dropped", &self.dropped),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    fn lost(&self, count: &AtomicU64, reason: &str) {
        count.fetch_add(1, Ordering::Relaxed);
        if !self.is_loss_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "an event is lost, and others may be");
        }
    }

    fn took(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.is_loss_said.store(false, Ordering::Relaxed);
        if self.is_said.swap(false, Ordering::Relaxed) {
            tracing::info!("the collector takes events again");
        }
    }

    fn failed(&self, reason: &str) {
        if !self.is_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                reason,
                "the collector of events is tried again until it takes them"
            );
        }
    }
}

impl Outbox {
    /// An outbox, and what sends from it to wherever events go at the time; `None`: nobody wants them any more.
    ///
    /// # Errors
    /// Where TLS can't be set up.
    pub fn new<F>(target: F) -> Result<(Self, Sending<F>), String>
    where
        F: Fn() -> Option<Arc<Target>>,
    {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let state = Arc::<OutboxState>::default();
        let sending = Sending {
            collector: Collector::new()?,
            target,
            waiting,
            next: None,
            state: Arc::clone(&state),
        };
        Ok((Self { queue, state }, sending))
    }

    /// What has become of events.
    pub const fn state(&self) -> &Arc<OutboxState> {
        &self.state
    }

    /// Puts an event in. Where too many wait, it is dropped.
    pub fn put(&self, event: Vec<u8>) {
        if self.queue.try_send(event).is_err() {
            let state = &self.state;
            state.lost(&state.dropped, "too many wait for the collector");
        }
    }
}

/// What sends.
pub struct Sending<F> {
    collector: Collector,
    target: F,
    waiting: mpsc::Receiver<Vec<u8>>,
    /// The one that is being sent.
    next: Option<Vec<u8>>,
    state: Arc<OutboxState>,
}

impl<F: Fn() -> Option<Arc<Target>>> Sending<F> {
    /// Sends one after the other until it is stopped, and then what still waits.
    pub async fn run(mut self, stop: CancellationToken) {
        let is_over = tokio::select! {
            () = self.send_all() => true,
            () = stop.cancelled() => false,
        };
        if !is_over && timeout(LEAVE_TIMEOUT, self.leave()).await.is_err() {
            let left = self.waiting.len().saturating_add(1);
            tracing::warn!(left, "events are lost: they could not be sent in time");
        }
    }

    async fn send_all(&mut self) {
        loop {
            if self.next.is_none() {
                self.next = self.waiting.recv().await;
            }
            if self.next.is_none() {
                return;
            }
            let mut retries = Collector::retries().with_jitter();
            while !self.attempt().await {
                sleep(retries.pause()).await;
            }
            self.next = None;
        }
    }

    /// Tries each once.
    async fn leave(&mut self) {
        loop {
            if self.next.is_none() {
                self.next = self.waiting.recv().await;
            }
            if self.next.is_none() {
                return;
            }
            if !self.attempt().await {
                let state = &self.state;
                state.lost(&state.dropped, "the service ends");
            }
            self.next = None;
        }
    }

    /// Sends the next one; says whether it is done with, taken or not.
    async fn attempt(&self) -> bool {
        let (Some(event), Some(target)) = (&self.next, (self.target)()) else {
            return true;
        };
        let posted = self.collector.post(&target, EVENT_TYPE, event.clone());
        match posted.await {
            Ok(()) => self.state.took(),
            Err(refused @ Failure::Refused(_)) => {
                self.state.lost(&self.state.refused, &refused.to_string());
            }
            Err(Failure::Unavailable(why)) => {
                self.state.failed(&why);
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
