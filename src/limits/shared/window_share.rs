//! This replica's part in a shared window.

use std::collections::{BTreeMap, VecDeque};

use super::call::Sending;
use super::view::View;

/// A slice lives for this part of the span,
const LIFE_OF_SPAN: u64 = 20;
/// and no longer.
const MAX_LIFE_MS: u64 = 1_000;
/// No amount is larger: the script adds and subtracts it exactly.
const LARGEST: u64 = 1 << 53;

/// What was taken in one slot of the server's clock.
#[derive(Clone, Copy, Debug)]
struct Slice {
    slot: u64,
    amount: u64,
    /// By the uptime.
    taken_ms: u64,
}

/// This replica's part in a shared window.
#[derive(Debug)]
pub(super) struct WindowShare {
    pub(super) span_ms: u64,
    pub(super) slot_ms: u64,
    /// The oldest first.
    slices: VecDeque<Slice>,
    /// What the server is not told yet, by its slots: used beyond the slices, or given back.
    changes: BTreeMap<u64, i64>,
    /// What is being told.
    sending: Option<Sending<Vec<(u64, i64)>>>,
}

impl WindowShare {
    pub(super) const fn new(span_ms: u64, slot_ms: u64) -> Self {
        Self {
            span_ms,
            slot_ms,
            slices: VecDeque::new(),
            changes: BTreeMap::new(),
            sending: None,
        }
    }

    pub(super) fn life_ms(&self) -> u64 {
        (self.span_ms / LIFE_OF_SPAN).min(MAX_LIFE_MS)
    }

    pub(super) fn free(&self) -> u64 {
        let amounts = self.slices.iter().map(|slice| slice.amount);
        amounts.fold(0, u64::saturating_add)
    }

    /// Gives back the slices that were taken long ago.
    pub(super) fn trim(&mut self, now_ms: u64) {
        let life = self.life_ms();
        while let Some(slice) = self.slices.front().copied() {
            if slice.taken_ms.saturating_add(life) > now_ms {
                break;
            }
            self.slices.pop_front();
            self.give_back(slice.slot, slice.amount);
        }
    }

    /// Gives back all slices.
    pub(super) fn empty(&mut self) {
        while let Some(slice) = self.slices.pop_front() {
            self.give_back(slice.slot, slice.amount);
        }
    }

    pub(super) fn reserve(&mut self, amount: u64, view: &View) {
        let mut left = amount;
        while let Some(slice) = self.slices.front_mut().filter(|_| left > 0) {
            let taken = left.min(slice.amount);
            slice.amount -= taken;
            left -= taken;
            if slice.amount == 0 {
                self.slices.pop_front();
            }
        }
        // Whoever goes on alone takes what it was not given, and says so later; of the last span alone, however
        // long that is.
        let oldest = self.oldest(view);
        while let Some(first) = self.changes.first_entry().filter(|it| *it.key() < oldest) {
            first.remove();
        }
        self.change(view.slot(view.now.uptime_ms, self.slot_ms), signed(left));
    }

    /// In place of what was set aside at a moment: what was used.
    pub(super) fn settle(&mut self, reserved: u64, used: u64, at_ms: u64, view: &View) {
        match reserved.checked_sub(used) {
            None => self.reserve(used - reserved, view),
            Some(back) => {
                let slot = view.slot(at_ms, self.slot_ms);
                let is_young = view.now.uptime_ms.saturating_sub(at_ms) < self.life_ms() / 2;
                match is_young && back > 0 {
                    true => self.slices.push_front(Slice {
                        slot,
                        amount: back,
                        taken_ms: at_ms,
                    }),
                    false => self.give_back(slot, back),
                }
            }
        }
    }

    fn give_back(&mut self, slot: u64, amount: u64) {
        self.change(slot, signed(amount).saturating_neg());
    }

    fn change(&mut self, slot: u64, amount: i64) {
        if amount != 0 {
            let change = self.changes.entry(slot).or_default();
            *change = change
                .saturating_add(amount)
                .clamp(-signed(u64::MAX), signed(u64::MAX));
        }
    }

    /// Whether the server is not told all.
    pub(super) fn has_changes(&self) -> bool {
        self.sending.is_some() || !self.changes.is_empty()
    }

    /// The oldest slot that still counts.
    fn oldest(&self, view: &View) -> u64 {
        let now = view.slot(view.now.uptime_ms, self.slot_ms);
        now.saturating_sub(self.span_ms.div_ceil(self.slot_ms))
    }

    /// What to tell with a call: the same as the last time, if nobody knows whether that has arrived, as far as
    /// it still counts.
    pub(super) fn begin(&mut self, call: u64, view: &View) -> Sending<Vec<(u64, i64)>> {
        let oldest = self.oldest(view);
        let changes = &mut self.changes;
        let sending = self.sending.get_or_insert_with(|| {
            let all = std::mem::take(changes).into_iter();
            Sending {
                since: call,
                told: all.filter(|(_, amount)| *amount != 0).collect(),
            }
        });
        sending.told.retain(|(slot, _)| *slot >= oldest);
        sending.clone()
    }

    pub(super) fn answered(&mut self, granted: u64, server_ms: u64, now_ms: u64) {
        self.sending = None;
        if granted > 0 {
            self.slices.push_back(Slice {
                slot: server_ms / self.slot_ms,
                amount: granted,
                taken_ms: now_ms,
            });
        }
    }

    /// The server has lost what it knew: it is told again what this replica has used, less what the last
    /// call has told it.
    pub(super) fn lost(&mut self, used: impl Iterator<Item = (u64, u64)>, view: &View) {
        let told = self.sending.take().map(|it| it.told).unwrap_or_default();
        let told = told.iter().map(|(_, amount)| (*amount).max(0));
        let mut told = told.fold(0, i64::saturating_add);
        self.slices.clear();
        self.changes.clear();
        for (at_ms, amount) in used {
            let known = told.min(signed(amount));
            told -= known;
            self.change(view.slot(at_ms, self.slot_ms), signed(amount) - known);
        }
    }
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount.min(LARGEST)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::moment::Moment;
    use crate::limits::shared::view::Reach;

    fn view(uptime_ms: u64) -> View {
        View {
            now: Moment {
                uptime_ms,
                unix_ms: 0,
            },
            ahead_ms: 1_795_867_200_000,
            reach: Reach::Alone,
            replicas: 4,
        }
    }

    #[test]
    fn what_does_not_count_any_more_is_not_told() {
        for (span_ms, slot_ms) in [(1_000, 5), (60_000, 250)] {
            let mut share = WindowShare::new(span_ms, slot_ms);
            share.reserve(7, &view(0));
            let unanswered = share.begin(1, &view(0));
            assert_eq!((unanswered.since, unanswered.told.len()), (1, 1));
            // An hour alone.
            for now in (0..3_600_000).step_by(5) {
                share.reserve(2, &view(now));
                share.settle(2, 1, now.saturating_sub(30_000), &view(now));
            }
            let again = share.begin(2, &view(3_600_000));
            assert_eq!((again.since, again.told.len()), (1, 0), "it is long ago");
            share.answered(0, 0, 3_600_000);
            let next = share.begin(3, &view(3_600_000));
            assert_eq!(next.since, 3);
            assert!(next.told.len() <= 241, "{} entries", next.told.len());
            assert!(next.told.len() >= 199, "{} entries", next.told.len());
        }
    }

    #[test]
    fn no_amount_is_more_than_the_server_can_count() {
        let mut share = WindowShare::new(60_000, 250);
        for _ in 0..3 {
            share.reserve(u64::MAX, &view(0));
        }
        let told = share.begin(1, &view(0)).told;
        assert_eq!(told.first().map(|it| it.1), Some(1 << 53));
    }
}
