//! What was used in the last second or minute.
//!
//! Amounts are kept in slots, 240 to a span. One leaves when the whole span has passed since the end of its
//! slot: so never more than the limit lies in any span, and room comes back at most 0.42 % of a span late.

use std::collections::VecDeque;

/// Slots of a span.
const SLOTS: u64 = 240;

#[derive(Clone, Copy, Debug)]
struct Entry {
    slot: u64,
    amount: u64,
}

/// A span that moves with the clock.
#[derive(Debug)]
pub(super) struct Window {
    span_ms: u64,
    /// The oldest first; only slots in which something was used.
    entries: VecDeque<Entry>,
    sum: u64,
}

impl Window {
    pub(super) const fn new(span_ms: u64) -> Self {
        Self {
            span_ms,
            entries: VecDeque::new(),
            sum: 0,
        }
    }

    /// Milliseconds; a second has slots of 5 ms, as it has fewer than 240 whole ones of 4.
    pub(super) fn slot_ms(&self) -> u64 {
        self.span_ms.div_ceil(SLOTS)
    }

    fn slot_of(&self, at_ms: u64) -> u64 {
        at_ms / self.slot_ms()
    }

    /// When what was used in a slot does not count any more.
    fn leaves_ms(&self, slot: u64) -> u64 {
        (slot + 1) * self.slot_ms() + self.span_ms
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some(entry) = self.entries.front().copied() {
            if self.leaves_ms(entry.slot) > now_ms {
                break;
            }
            self.sum = self.sum.saturating_sub(entry.amount);
            self.entries.pop_front();
        }
    }

    /// How much was used.
    pub(super) fn used(&mut self, now_ms: u64) -> u64 {
        self.forget(now_ms);
        self.sum
    }

    /// Adds an amount now.
    pub(super) fn add(&mut self, amount: u64, now_ms: u64) {
        self.forget(now_ms);
        if amount == 0 {
            return;
        }
        let slot = self.slot_of(now_ms);
        self.sum = self.sum.saturating_add(amount);
        match self.entries.back_mut() {
            Some(last) if last.slot >= slot => last.amount = last.amount.saturating_add(amount),
            _ => self.entries.push_back(Entry { slot, amount }),
        }
    }

    /// What was used when, the latest first: the beginnings of slots, and amounts.
    pub(super) fn entries(&mut self, now_ms: u64) -> impl Iterator<Item = (u64, u64)> {
        self.forget(now_ms);
        let slot_ms = self.slot_ms();
        let entries = self.entries.iter().rev();
        entries.map(move |entry| (entry.slot * slot_ms, entry.amount))
    }

    /// Takes back a part of what was added at a moment, as far as it still counts.
    pub(super) fn give_back(&mut self, amount: u64, at_ms: u64, now_ms: u64) {
        self.forget(now_ms);
        let slot = self.slot_of(at_ms);
        let found = self.entries.binary_search_by_key(&slot, |entry| entry.slot);
        let entry = found.ok().and_then(|at| self.entries.get_mut(at));
        if let Some(entry) = entry {
            let given = amount.min(entry.amount);
            entry.amount -= given;
            self.sum = self.sum.saturating_sub(given);
        }
    }

    /// How long it takes until no more than this is left; zero where that is so now.
    pub(super) fn wait_ms(&mut self, at_most: u64, now_ms: u64) -> u64 {
        self.forget(now_ms);
        // What a caller is told with every answer.
        if at_most == 0 {
            let last = self.entries.back();
            return last.map_or(0, |last| self.leaves_ms(last.slot).saturating_sub(now_ms));
        }
        let mut left = self.sum;
        let mut until = now_ms;
        for entry in &self.entries {
            if left <= at_most {
                break;
            }
            left = left.saturating_sub(entry.amount);
            until = self.leaves_ms(entry.slot);
        }
        until.saturating_sub(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_used_leaves_after_the_span() {
        let mut window = Window::new(60_000);
        window.add(10, 0);
        window.add(5, 30_000);
        assert_eq!(window.used(60_000), 15, "its slot has just ended");
        assert_eq!(window.wait_ms(5, 60_000), 250);
        assert_eq!(window.used(60_250), 5);
        assert_eq!(window.wait_ms(0, 60_250), 30_000);
        assert_eq!(window.wait_ms(5, 60_250), 0);
        assert_eq!(window.used(90_250), 0);
    }

    #[test]
    fn what_was_not_used_after_all_is_given_back_where_it_was_taken() {
        let mut window = Window::new(1_000);
        window.add(10, 100);
        window.add(10, 200);
        window.give_back(4, 100, 300);
        assert_eq!(window.used(300), 16);
        window.give_back(100, 200, 300);
        assert_eq!(window.used(300), 6, "no more than was taken there");
        window.give_back(6, 100, 2_000);
        assert_eq!(window.used(2_000), 0);
        window.give_back(6, 100, 2_000);
        assert_eq!(window.used(2_000), 0);
    }

    proptest! {
        /// Against a list of all that was added: never more than the limit in any span of time, and room
        /// is said to be there when it is.
        #[test]
        fn no_span_has_more_than_the_limit(
            steps in prop::collection::vec((0_u64..900, 1_u64..20), 1..200),
        ) {
            const LIMIT: u64 = 60;
            let mut window = Window::new(1_000);
            let mut now = 0;
            let mut all: Vec<(u64, u64)> = Vec::new();
            for (pause, amount) in steps {
                now += pause / 10;
                if window.used(now) + amount <= LIMIT {
                    window.add(amount, now);
                    all.push((now, amount));
                } else {
                    let wait = window.wait_ms(LIMIT - amount, now);
                    prop_assert!(wait > 0);
                    prop_assert!(window.used(now + wait) + amount <= LIMIT);
                    now += wait;
                }
                let within: u64 = all.iter().filter(|(at, _)| now - at < 1_000).map(|(_, it)| it).sum();
                prop_assert!(within <= LIMIT);
                let surely: u64 = all.iter().filter(|(at, _)| now - at < 1_005).map(|(_, it)| it).sum();
                prop_assert!(window.used(now) <= surely, "late by a slot at most");
            }
        }
    }
}
