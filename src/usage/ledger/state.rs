//! The state of the ledger, shared by those who write it, health and metrics.

use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::disk::DiskSpace;
use super::{Durability, LedgerOptions, OnFailure};
use crate::usage::failing::Failing;

/// Told how long the first record of a group has waited for the disk.
type ObserveWait = Box<dyn Fn(Duration) + Send + Sync>;

/// Counters and conditions of the ledger.
pub struct LedgerState {
    pub(super) directory: PathBuf,
    pub(super) durability: Durability,
    pub(super) on_failure: OnFailure,
    pub(super) waiting: AtomicUsize,
    written: AtomicU64,
    lost: AtomicU64,
    writing: Failing,
    waits: OnceLock<ObserveWait>,
    filling: Failing,
    is_nearly_full: AtomicBool,
    free_bytes: AtomicU64,
    has_outbox: AtomicBool,
    outbox_waiting: AtomicU64,
    copying: Failing,
    not_copied: AtomicU64,
    pub(super) last_seq: AtomicU64,
}

/// The ledger's condition at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerStatus {
    /// Records that wait to be written.
    pub waiting: u64,
    /// Records that were written.
    pub written: u64,
    /// Records that were lost.
    pub lost: u64,
    /// Attempts to write that failed.
    pub failures: u64,
    /// The last attempt failed.
    pub is_failing: bool,
    /// Attempts to fill the file from the log that failed.
    pub fill_failures: u64,
    /// The disk is nearly full.
    pub is_nearly_full: bool,
    /// Bytes that are free on the disk.
    pub free_bytes: u64,
    /// Records that wait for PostgreSQL; `None` where there is none.
    pub outbox_waiting: Option<u64>,
    /// Attempts to copy to PostgreSQL that failed.
    pub outbox_failures: u64,
    /// The last such attempt failed.
    pub outbox_is_failing: bool,
    /// Records and objects that PostgreSQL has refused for their data.
    pub not_copied: u64,
}

impl LedgerState {
    pub(super) fn new(directory: PathBuf, options: &LedgerOptions) -> Self {
        Self {
            directory,
            durability: options.durability,
            on_failure: options.on_failure,
            waiting: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            writing: Failing::default(),
            waits: OnceLock::new(),
            filling: Failing::default(),
            is_nearly_full: AtomicBool::new(false),
            free_bytes: AtomicU64::new(0),
            has_outbox: AtomicBool::new(false),
            outbox_waiting: AtomicU64::new(0),
            copying: Failing::default(),
            not_copied: AtomicU64::new(0),
            last_seq: AtomicU64::new(0),
        }
    }

    pub(super) fn is_failing(&self) -> bool {
        self.writing.is_failing()
    }

    pub(super) fn is_unwritable(&self) -> bool {
        self.is_failing() || self.is_nearly_full.load(Ordering::Relaxed)
    }

    pub(super) fn lose(&self, count: u64) {
        let lost = self.lost.fetch_add(count, Ordering::Relaxed) + count;
        if lost.is_power_of_two() {
            tracing::error!(lost, "usage records are lost: the ledger can't be written");
        }
    }

    /// Says how long records wait for the disk, from now on.
    pub fn observe_waits(&self, observe: impl Fn(Duration) + Send + Sync + 'static) {
        // The first one stays.
        let _ = self.waits.set(Box::new(observe));
    }

    pub(super) fn wrote(&self, count: usize, since: Option<Instant>) {
        let added = u64::try_from(count).unwrap_or(0);
        self.written.fetch_add(added, Ordering::Relaxed);
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        if let (Some(observe), Some(since)) = (self.waits.get(), since) {
            observe(since.elapsed());
        }
        if self.writing.succeeded() {
            tracing::info!("the usage ledger can be written again");
        }
    }

    pub(super) fn filled(&self, last_seq: i64) {
        let last_seq = u64::try_from(last_seq).unwrap_or(0);
        self.last_seq.fetch_max(last_seq, Ordering::Relaxed);
        if self.filling.succeeded() {
            tracing::info!("the file of the usage ledger is filled from its log again");
        }
    }

    pub(super) fn fill_failed(&self, error: &dyn std::fmt::Display) {
        if self.filling.failed() {
            tracing::error!(%error, "the file of the usage ledger can't be filled from its log; records wait there");
        }
    }

    pub(super) fn failed(&self, error: &dyn std::fmt::Display) {
        match self.writing.failed() {
            true => tracing::error!(%error, "the usage ledger can't be written"),
            false => tracing::debug!(%error, "the usage ledger can't be written yet"),
        }
    }

    pub(super) fn disk(&self, space: DiskSpace) {
        self.free_bytes.store(space.free_bytes, Ordering::Relaxed);
        let is_nearly_full = space.is_nearly_full();
        let was = self.is_nearly_full.swap(is_nearly_full, Ordering::Relaxed);
        if is_nearly_full && !was {
            let free_bytes = space.free_bytes;
            tracing::error!(free_bytes, "the disk of the usage ledger is nearly full");
        }
    }

    pub(super) fn has_outbox(&self) {
        self.has_outbox.store(true, Ordering::Relaxed);
    }

    pub(super) fn outbox_copied(&self, waiting: u64) {
        self.outbox_waiting.store(waiting, Ordering::Relaxed);
        if self.copying.succeeded() {
            tracing::info!("usage is copied to PostgreSQL again");
        }
    }

    pub(super) fn outbox_failed(&self, waiting: u64, error: &dyn std::fmt::Display) {
        self.outbox_waiting.store(waiting, Ordering::Relaxed);
        if self.copying.failed() {
            tracing::error!(%error, "usage can't be copied to PostgreSQL; it waits here");
        }
    }

    pub(super) fn not_copied(&self, count: u64) {
        self.not_copied.store(count, Ordering::Relaxed);
    }

    /// Its condition now.
    pub fn status(&self) -> LedgerStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        LedgerStatus {
            waiting: u64::try_from(self.waiting.load(Ordering::Relaxed)).unwrap_or(u64::MAX),
            written: count(&self.written),
            lost: count(&self.lost),
            failures: self.writing.failures(),
            is_failing: self.is_failing(),
            fill_failures: self.filling.failures(),
            is_nearly_full: is(&self.is_nearly_full),
            free_bytes: count(&self.free_bytes),
            outbox_waiting: is(&self.has_outbox).then(|| count(&self.outbox_waiting)),
            outbox_failures: self.copying.failures(),
            outbox_is_failing: self.copying.is_failing(),
            not_copied: count(&self.not_copied),
        }
    }

    /// Why requests are refused because of it; none where it is configured to continue.
    pub fn obstacle(&self) -> Option<&'static str> {
        match self.on_failure {
            OnFailure::Continue => None,
            OnFailure::Refuse => self.writing_concern(),
        }
    }

    /// What is wrong with it.
    pub fn concern(&self) -> Option<&'static str> {
        let is_behind = self.filling.is_failing();
        let behind =
            is_behind.then_some("the file of the usage ledger can't be filled from its log");
        let is_refused = self.not_copied.load(Ordering::Relaxed) > 0;
        let refused =
            is_refused.then_some("PostgreSQL has refused records or objects: see not_copied in usage.db, and docs/chargeback.md for what to do");
        self.writing_concern().or(behind).or(refused)
    }

    fn writing_concern(&self) -> Option<&'static str> {
        match (self.is_failing(), self.is_unwritable()) {
            (true, _) => Some("the usage ledger can't be written"),
            (false, true) => Some("the disk of the usage ledger is nearly full"),
            (false, false) => None,
        }
    }
}

impl fmt::Debug for LedgerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}
