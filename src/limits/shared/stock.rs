//! This replica's part in a shared quota, or in a limit of requests under way.

use super::call::Sending;

/// How long a slice is kept that nobody uses: while there is plenty, and near the end.
const LIFE_MS: u64 = 1_000;
const TIGHT_LIFE_MS: u64 = 50;
/// How often the server is told that what is held is still held. It forgets it when it has not heard of it
/// for three times as long.
const RENEW_MS: u64 = 1_500;

/// This replica's part in a shared quota, or in a limit of requests under way.
#[derive(Debug, Default)]
pub(super) struct StockShare {
    /// What requests that are under way may use.
    reserved: u64,
    /// What was taken and is set aside for nobody.
    free: u64,
    /// What was used for good, and the server is not told yet.
    unsent: u64,
    /// What is being told.
    sending: Option<Sending<u64>>,
    /// What the server was told to be held, and when.
    told: u64,
    told_ms: u64,
    taken_ms: u64,
    /// Little was left when the server was last asked.
    is_tight: bool,
}

impl StockShare {
    pub(super) const fn free(&self) -> u64 {
        self.free
    }

    pub(super) fn trim(&mut self, now_ms: u64) {
        let life = match self.is_tight {
            true => TIGHT_LIFE_MS,
            false => LIFE_MS,
        };
        if now_ms.saturating_sub(self.taken_ms) >= life {
            self.free = 0;
        }
    }

    pub(super) const fn empty(&mut self) {
        self.free = 0;
    }

    pub(super) const fn reserve(&mut self, amount: u64) {
        self.reserved = self.reserved.saturating_add(amount);
        self.free = self.free.saturating_sub(amount);
    }

    pub(super) const fn settle(&mut self, reserved: u64, used: u64) {
        self.reserved = self.reserved.saturating_sub(reserved);
        self.unsent = self.unsent.saturating_add(used);
        let back = reserved.saturating_sub(used);
        let more = used.saturating_sub(reserved);
        self.free = self.free.saturating_add(back).saturating_sub(more);
    }

    /// All that is not the server's yet. What was used is held until it is told.
    pub(super) const fn held(&self) -> u64 {
        let kept = self.reserved.saturating_add(self.free);
        kept.saturating_add(self.unsent)
    }

    pub(super) const fn has_changes(&self, now_ms: u64) -> bool {
        let held = self.held();
        let is_old = now_ms.saturating_sub(self.told_ms) >= RENEW_MS;
        self.sending.is_some() || self.unsent > 0 || held != self.told || (held > 0 && is_old)
    }

    /// Whether there is anything that will have to be told.
    pub(super) const fn is_idle(&self) -> bool {
        self.held() == 0 && self.told == 0 && self.sending.is_none()
    }

    /// What to tell with a call: used, and held. The same use as the last time, if nobody knows whether that
    /// has arrived.
    pub(super) fn begin(&mut self, call: u64, now_ms: u64) -> (Sending<u64>, u64) {
        let unsent = &mut self.unsent;
        let used = *self.sending.get_or_insert_with(|| Sending {
            since: call,
            told: std::mem::take(unsent),
        });
        self.told = self.held();
        self.told_ms = now_ms;
        (used, self.told)
    }

    /// Whether an answer is expected: not if it is one about the period before.
    pub(super) const fn is_asking(&self) -> bool {
        self.sending.is_some()
    }

    pub(super) const fn answered(&mut self, granted: u64, is_tight: bool, now_ms: u64) {
        self.sending = None;
        self.is_tight = is_tight;
        self.free = self.free.saturating_add(granted);
        self.told = self.told.saturating_add(granted);
        if granted > 0 {
            self.taken_ms = now_ms;
        }
    }

    /// What was used and is not counted by the server yet.
    pub(super) const fn unsent(&self) -> u64 {
        match self.sending {
            Some(sending) => self.unsent.saturating_add(sending.told),
            None => self.unsent,
        }
    }

    /// A new period: nothing of the old one matters any more.
    pub(super) fn renew(&mut self) {
        *self = Self::default();
    }
}
