//! What each client has under way, so that none of them takes the gateway from the others.
//!
//! A request is its client's from the decision on its headers to the end of its answer, also while nobody
//! comes for it: whoever opens streams and resets them fills its own share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use crate::access::{ClientId, ClientLimits};

/// The shares of all clients that have something under way.
#[derive(Debug, Default)]
pub(crate) struct Shares(DashMap<ClientId, Arc<Share>>);

/// What one client has.
#[derive(Debug)]
struct Share {
    requests: AtomicUsize,
    /// Of bodies that are in memory, here or in Envoy.
    bytes: AtomicUsize,
    /// Whoever has this does what takes long: one at a time.
    turn: Arc<Semaphore>,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            requests: AtomicUsize::default(),
            bytes: AtomicUsize::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }
}

/// What a client has too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShareExceeded {
    Requests,
    Bytes,
}

/// One request's part of its client's share. It ends when the last has dropped it that holds something of the
/// request: Envoy's exchange, or work that goes on without it.
#[derive(Debug)]
pub(crate) struct Lease {
    share: Arc<Share>,
    bytes: AtomicUsize,
}

impl Shares {
    /// Takes a request and so many bytes of its body out of its client's share.
    ///
    /// # Errors
    /// [`ShareExceeded`]; then nothing is taken.
    pub(crate) fn take(
        &self,
        client: &ClientId,
        limits: ClientLimits,
        bytes: usize,
    ) -> Result<Lease, ShareExceeded> {
        let known = self.0.get(client).map(|share| Arc::clone(&share));
        let share = known.unwrap_or_else(|| Arc::clone(&self.0.entry(client.clone()).or_default()));
        let requests = share.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let held = share.bytes.fetch_add(bytes, Ordering::Relaxed);
        let lease = Lease {
            share,
            bytes: bytes.into(),
        };
        if requests > limits.concurrent_requests {
            return Err(ShareExceeded::Requests);
        }
        match held.saturating_add(bytes) > limits.request_bytes {
            true => Err(ShareExceeded::Bytes),
            false => Ok(lease),
        }
    }

    /// Forgets clients that have nothing under way.
    pub(crate) fn sweep(&self) {
        self.0.retain(|_, share| Arc::strong_count(share) > 1);
    }
}

impl Lease {
    /// A share of nobody, for tests of what comes after it.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        Self {
            share: Arc::default(),
            bytes: AtomicUsize::default(),
        }
    }

    /// So many bytes of its body are in memory now, whatever was announced.
    pub(crate) fn holds(&self, bytes: usize) {
        let held = self.bytes.swap(bytes, Ordering::Relaxed);
        self.share.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.share.bytes.fetch_sub(held, Ordering::Relaxed);
    }

    /// Does what takes long on a thread of its own, for one request of the client at a time: work in masses
    /// waits in its client's queue and leaves the threads to the others. What waits or runs stays in the share,
    /// also where its client has hung up.
    pub(crate) async fn in_turn<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // It is never closed.
        let turn = Arc::clone(&self.share.turn).acquire_owned().await;
        spawn_blocking(move || {
            let _until_done = (self, turn);
            work()
        })
        .await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.holds(0);
        self.share.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ClientLimits = ClientLimits {
        concurrent_requests: 2,
        request_bytes: 100,
    };

    fn client(id: &str) -> ClientId {
        ClientId::new(id)
    }

    #[test]
    fn a_client_has_its_own_share_and_no_more() {
        let shares = Shares::default();
        let (one, other) = (client("one"), client("other"));
        let first = shares.take(&one, LIMITS, 0).expect("room");
        let _second = shares.take(&one, LIMITS, 0).expect("room");
        for _ in 0..3 {
            let refused = shares.take(&one, LIMITS, 0).map(drop);
            assert_eq!(refused, Err(ShareExceeded::Requests));
        }
        assert!(shares.take(&other, LIMITS, 0).is_ok(), "another's share");
        drop(first);
        assert!(shares.take(&one, LIMITS, 0).is_ok(), "one has ended");
    }

    #[test]
    fn bytes_are_given_back_when_they_are_held_no_more_or_the_request_ends() {
        let shares = Shares::default();
        let one = client("one");
        let first = shares.take(&one, LIMITS, 60).expect("room");
        let refused = shares.take(&one, LIMITS, 41).map(drop);
        assert_eq!(refused, Err(ShareExceeded::Bytes));
        first.holds(0);
        let second = shares.take(&one, LIMITS, 100).expect("room");
        drop(first);
        drop(second);
        assert!(shares.take(&one, LIMITS, 100).is_ok(), "all has ended");
        let much = shares.take(&one, LIMITS, usize::MAX).map(drop);
        assert_eq!(much, Err(ShareExceeded::Bytes));
    }

    #[tokio::test]
    async fn a_clients_work_is_done_one_after_the_other_and_stays_in_its_share() {
        let shares = Shares::default();
        let take = |id, bytes| shares.take(&client(id), LIMITS, bytes).map(Arc::new);
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let first = take("one", 60).expect("room");
        let first = tokio::spawn(first.in_turn(move || wait.recv()));
        tokio::task::yield_now().await;
        let second = take("one", 40).expect("room");
        // Its client hangs up: nobody waits for it any more.
        let done = Arc::new(AtomicUsize::new(0));
        let mark = Arc::clone(&done);
        drop(tokio::spawn(
            second.in_turn(move || mark.fetch_add(1, Ordering::SeqCst)),
        ));
        shares.sweep();
        assert_eq!(take("one", 1).map(drop), Err(ShareExceeded::Requests));
        let other = take("other", 0).expect("room");
        other.in_turn(|| ()).await.expect("it ran");
        assert_eq!(
            done.load(Ordering::SeqCst),
            0,
            "the first one is being read"
        );
        go_on.send(()).expect("it waits");
        first
            .await
            .expect("it ran")
            .expect("it ran")
            .expect("a word");
        let third = loop {
            match take("one", 100) {
                Ok(third) => break third,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        third.in_turn(|| ()).await.expect("it ran");
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_has_nothing_under_way_is_forgotten() {
        let shares = Shares::default();
        let lease = shares.take(&client("one"), LIMITS, 0).expect("room");
        drop(shares.take(&client("other"), LIMITS, 0));
        shares.sweep();
        assert_eq!(shares.0.len(), 1);
        drop(lease);
        shares.sweep();
        assert!(shares.0.is_empty());
    }
}
