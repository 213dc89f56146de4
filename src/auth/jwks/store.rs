//! The keys that an issuer has now, and who may ask for newer ones.
//!
//! Requests load a pointer. A token whose key is not there may cause one refresh per cooldown,
//! however many ask, and waits for it for a moment: an issuer's new key is accepted on first sight.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::KeySet;
use crate::unix_time;

/// Between two refreshes that unknown keys cause: at most three a minute.
pub const UNKNOWN_KEY_COOLDOWN: Duration = Duration::from_secs(20);
/// How long a request waits for keys in all. Envoy waits a second for ext_authz (envoy/standalone.yaml).
pub const KEY_WAIT: Duration = Duration::from_millis(700);

/// The keys of an issuer as of one refresh.
pub(in crate::auth) struct FetchedKeys {
    pub(in crate::auth) keys: KeySet,
    /// Changes when the keys change: verdicts of another generation are void.
    pub(in crate::auth) generation: u64,
    /// When they were fetched; `None` before the first time.
    fetched: Option<Instant>,
}

/// What an issuer's keys look like from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyStatus {
    /// How many keys are held and may be used.
    pub keys: usize,
    /// Whether keys have been fetched and are not too old.
    pub is_usable: bool,
    /// When they were last fetched, in seconds since 1970; 0 before the first time.
    pub refreshed_unix_s: u64,
    /// Fetches that gave a key set.
    pub success: u64,
    /// Fetches that did not.
    pub failure: u64,
}

/// The keys of one issuer.
pub struct KeyStore {
    held: ArcSwap<FetchedKeys>,
    /// Where its keys come from.
    origin: String,
    /// How long keys serve that can't be refreshed.
    keep: Duration,
    demand: Mutex<Demand>,
    /// Wakes the task that refreshes.
    pub(super) wanted: Notify,
    /// Counts refreshes that have ended, either way.
    finished: watch::Sender<u64>,
    refreshed_unix_s: AtomicU64,
    success: AtomicU64,
    failure: AtomicU64,
}

#[derive(Default)]
struct Demand {
    /// A refresh runs, or has been asked for.
    is_pending: bool,
    /// When an unknown key last caused one, or one last failed.
    last: Option<Instant>,
}

impl KeyStore {
    /// An empty store, whose keys serve for `keep` when they can't be refreshed.
    pub fn new(keep: Duration) -> Self {
        let none = FetchedKeys {
            keys: KeySet::default(),
            generation: 0,
            fetched: None,
        };
        Self {
            held: ArcSwap::from_pointee(none),
            origin: String::new(),
            keep,
            demand: Mutex::new(Demand {
                // The first refresh comes without being asked for.
                is_pending: true,
                last: None,
            }),
            wanted: Notify::new(),
            finished: watch::Sender::new(0),
            refreshed_unix_s: AtomicU64::new(0),
            success: AtomicU64::new(0),
            failure: AtomicU64::new(0),
        }
    }

    /// Says where the keys come from.
    #[must_use]
    pub fn with_origin(self, origin: String) -> Self {
        Self { origin, ..self }
    }

    /// Takes over what another store holds, if its keys are of the same origin.
    pub fn adopt(&self, other: &Self) {
        if self.origin != other.origin {
            return;
        }
        self.held.store(other.held.load_full());
        for (ours, theirs) in [
            (&self.refreshed_unix_s, &other.refreshed_unix_s),
            (&self.success, &other.success),
            (&self.failure, &other.failure),
        ] {
            ours.store(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let last = other
            .demand
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last;
        self.demand
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last = last;
    }

    /// The keys, if they may be used: fetched, and not longer ago than an outage may last.
    pub(in crate::auth) fn usable(&self) -> Option<Arc<FetchedKeys>> {
        let held = self.held.load_full();
        held.fetched
            .is_some_and(|at| at.elapsed() < self.keep)
            .then_some(held)
    }

    /// The generation of the keys, if they may be used.
    pub(in crate::auth) fn generation(&self) -> Option<u64> {
        let held = self.held.load();
        let is_usable = held.fetched.is_some_and(|at| at.elapsed() < self.keep);
        is_usable.then_some(held.generation)
    }

    /// Waits until then at most for a refresh because a key is not there. `false`: there will be none for now.
    pub(in crate::auth) async fn newer(&self, until: Instant) -> bool {
        let mut finished = self.finished.subscribe();
        {
            let mut demand = self.demand.lock().unwrap_or_else(PoisonError::into_inner);
            if !demand.is_pending {
                let cools = |at: Instant| at.elapsed() < UNKNOWN_KEY_COOLDOWN;
                if demand.last.is_some_and(cools) {
                    return false;
                }
                demand.last = Some(Instant::now());
                demand.is_pending = true;
                self.wanted.notify_one();
            }
        }
        matches!(timeout_at(until, finished.changed()).await, Ok(Ok(())))
    }

    /// A refresh begins: who comes now waits for its end.
    pub(super) fn begins(&self) {
        let mut demand = self.demand.lock().unwrap_or_else(PoisonError::into_inner);
        demand.is_pending = true;
    }

    /// A refresh has brought these keys.
    pub(crate) fn replace(&self, keys: KeySet) {
        let before = self.held.load();
        let is_changed = before.fetched.is_none() || !before.keys.is_same(&keys);
        self.held.store(Arc::new(FetchedKeys {
            keys,
            generation: before.generation + u64::from(is_changed),
            fetched: Some(Instant::now()),
        }));
        let now = unix_time::now().as_secs();
        self.refreshed_unix_s.store(now, Ordering::Relaxed);
        self.success.fetch_add(1, Ordering::Relaxed);
        self.ends();
    }

    /// A refresh has brought nothing: the old keys stay in use, and unknown keys cause none for a while.
    pub(super) fn fails(&self) {
        self.failure.fetch_add(1, Ordering::Relaxed);
        self.demand
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last = Some(Instant::now());
        self.ends();
    }

    fn ends(&self) {
        let mut demand = self.demand.lock().unwrap_or_else(PoisonError::into_inner);
        demand.is_pending = false;
        drop(demand);
        self.finished.send_modify(|count| *count += 1);
    }

    /// What the keys look like from outside.
    pub fn status(&self) -> KeyStatus {
        let usable = self.usable();
        KeyStatus {
            keys: usable.as_ref().map_or(0, |held| held.keys.len()),
            is_usable: usable.is_some(),
            refreshed_unix_s: self.refreshed_unix_s.load(Ordering::Relaxed),
            success: self.success.load(Ordering::Relaxed),
            failure: self.failure.load(Ordering::Relaxed),
        }
    }
}
