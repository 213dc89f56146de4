//! This replica's part in one shared counter.

use super::call::{Answer, Ask, CounterCall, CounterKind, Sending};
use super::stock::StockShare;
use super::view::{Reach, View};
use super::window_share::WindowShare;

/// How long a refusal stands without asking again: so long at most, and of a window for this part of its span.
const DENIED_MS: u64 = 25;
const DENIED_OF_SPAN: u64 = 200;
/// A figure of the server is shown for so long.
const FRESH_MS: u64 = 1_000;
/// Requests come in bursts: a shorter time says nothing of their pace.
const MIN_PACE_MS: u64 = 20;

/// This replica's part in one shared counter.
#[derive(Debug)]
pub(in crate::limits) struct Share {
    part: Part,
    pace: Pace,
    /// What requests that wait for an answer may use.
    queued: u64,
    /// The limit that the slices were taken under.
    most: u64,
    seen: Option<Seen>,
    denied: Option<Denied>,
}

#[derive(Debug)]
enum Part {
    Window(WindowShare),
    Stock(StockShare),
}

/// What the server has said.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at_ms: u64,
    /// Used or set aside by all, with the slices of this replica.
    total: u64,
}

/// What was refused lately, and need not be asked for again just now.
#[derive(Clone, Copy, Debug)]
struct Denied {
    most: u64,
    /// The smallest and the largest amount.
    smallest: u64,
    largest: u64,
    /// From here on nothing fits: the smallest, and what this replica has given back meanwhile.
    too_much: u64,
    until_ms: u64,
    /// When there is room for the largest amount that was asked for; for a larger one, not before.
    room_ms: Option<u64>,
}

/// How fast something is used.
#[derive(Debug, Default)]
struct Pace {
    spent: u64,
    since_ms: u64,
    per_second: u64,
}

impl Pace {
    /// What is likely to be used in a time.
    fn expect(&mut self, within_ms: u64, now_ms: u64) -> u64 {
        let passed = now_ms.saturating_sub(self.since_ms).max(MIN_PACE_MS);
        let rate = self.spent.saturating_mul(1_000) / passed;
        self.per_second = (self.per_second / 2).saturating_add(rate.div_ceil(2));
        (self.spent, self.since_ms) = (0, now_ms);
        self.per_second.saturating_mul(within_ms) / 1_000
    }
}

/// Whether there is room for an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limits) enum Room {
    Enough,
    /// Only the server knows.
    Unknown,
    /// There is none; the milliseconds until there is, where that is known.
    Denied(Option<u64>),
    /// Only what this replica has counted itself is known.
    Alone,
    /// Nobody knows, and nobody may pass.
    Refused,
}

impl Share {
    pub(in crate::limits) fn window(span_ms: u64, slot_ms: u64) -> Self {
        Self::new(Part::Window(WindowShare::new(span_ms, slot_ms)))
    }

    pub(in crate::limits) fn stock() -> Self {
        Self::new(Part::Stock(StockShare::default()))
    }

    fn new(part: Part) -> Self {
        Self {
            part,
            pace: Pace::default(),
            queued: 0,
            most: 0,
            seen: None,
            denied: None,
        }
    }

    fn free(&self) -> u64 {
        match &self.part {
            Part::Window(window) => window.free(),
            Part::Stock(stock) => stock.free(),
        }
    }

    fn trim(&mut self, now_ms: u64) {
        match &mut self.part {
            Part::Window(window) => window.trim(now_ms),
            Part::Stock(stock) => stock.trim(now_ms),
        }
    }

    /// Whether there is room for an amount within a limit.
    pub(in crate::limits) fn room(&mut self, amount: u64, most: u64, view: &View) -> Room {
        let now_ms = view.now.uptime_ms;
        self.trim(now_ms);
        // A slice may have been taken for somebody who may use more of the limit.
        let is_within = most >= self.most
            || self
                .used(now_ms)
                .is_some_and(|used| used.saturating_add(amount) <= most);
        if self.free() >= amount && is_within {
            return Room::Enough;
        }
        match view.reach {
            Reach::Alone => Room::Alone,
            Reach::Refusing => Room::Refused,
            Reach::Up => match self
                .denied
                .filter(|denied| denied.holds(amount, most, now_ms))
            {
                Some(denied) => Room::Denied(denied.room_ms.map(|at| at.saturating_sub(now_ms))),
                None => Room::Unknown,
            },
        }
    }

    /// What all replicas have used or set aside, if that was said lately.
    pub(in crate::limits) fn used(&self, now_ms: u64) -> Option<u64> {
        let seen = self.seen?;
        let is_fresh = now_ms.saturating_sub(seen.at_ms) < FRESH_MS;
        is_fresh.then(|| seen.total.saturating_sub(self.free()))
    }

    pub(in crate::limits) fn reserve(&mut self, amount: u64, view: &View) {
        self.pace.spent = self.pace.spent.saturating_add(amount);
        match &mut self.part {
            Part::Window(window) => window.reserve(amount, view),
            Part::Stock(stock) => stock.reserve(amount),
        }
    }

    /// In place of what was set aside at a moment: what was used.
    pub(in crate::limits) fn settle(&mut self, reserved: u64, used: u64, at_ms: u64, view: &View) {
        if let Some(denied) = &mut self.denied {
            let back = reserved.saturating_sub(used);
            denied.too_much = denied.too_much.saturating_add(back);
        }
        match &mut self.part {
            Part::Window(window) => window.settle(reserved, used, at_ms, view),
            Part::Stock(stock) => stock.settle(reserved, used),
        }
    }

    /// A request waits for an answer about so much.
    pub(in crate::limits) const fn enter(&mut self, amount: u64) {
        self.queued = self.queued.saturating_add(amount);
    }

    /// It waits no more.
    pub(in crate::limits) const fn leave(&mut self, amount: u64) {
        self.queued = self.queued.saturating_sub(amount);
    }

    /// What to ask for where a request needs an amount. What is left of the slices goes back with the
    /// question: near the end of a limit the need is met from all that is there.
    pub(in crate::limits) fn ask(&mut self, need: u64, most: u64, view: &View) -> Ask {
        let life_ms = match &mut self.part {
            Part::Window(window) => {
                window.empty();
                window.life_ms()
            }
            Part::Stock(stock) => {
                stock.empty();
                500
            }
        };
        let expected = self.pace.expect(life_ms / 2, view.now.uptime_ms);
        Ask {
            most,
            need,
            want: expected.max(self.queued),
        }
    }

    /// Gives back all that is set aside for nobody.
    pub(in crate::limits) fn empty(&mut self) {
        match &mut self.part {
            Part::Window(window) => window.empty(),
            Part::Stock(stock) => stock.empty(),
        }
    }

    /// What the server is told. `seed` is what was used of a quota as far as this replica knows.
    pub(in crate::limits) fn begin(&mut self, about: About, view: &View) -> CounterCall {
        let About {
            key,
            ask,
            seed,
            ends_ms,
            call,
        } = about;
        self.trim(view.now.uptime_ms);
        let (since, kind) = match &mut self.part {
            Part::Window(window) => {
                let Sending { since, told } = window.begin(call, view);
                let kind = CounterKind::Window {
                    span_ms: window.span_ms,
                    slot_ms: window.slot_ms,
                    changes: told,
                };
                (since, kind)
            }
            Part::Stock(stock) => {
                let (Sending { since, told }, held) = stock.begin(call, view.now.uptime_ms);
                let kind = CounterKind::Stock {
                    used: told,
                    held,
                    seed,
                    ends_ms,
                };
                (since, kind)
            }
        };
        CounterCall {
            key,
            since,
            kind,
            ask,
        }
    }

    /// What the server has answered; says whether it is about the present period.
    pub(in crate::limits) fn answered(
        &mut self,
        ask: Ask,
        answer: &Answer,
        server_ms: u64,
        view: &View,
    ) -> bool {
        let now_ms = view.now.uptime_ms;
        let Answer {
            granted,
            used,
            held_by_others,
            wait_ms,
        } = *answer;
        let (denied_ms, mine) = match &mut self.part {
            Part::Window(window) => {
                window.answered(granted, server_ms, now_ms);
                (window.span_ms / DENIED_OF_SPAN, 0)
            }
            Part::Stock(stock) if !stock.is_asking() => return false,
            Part::Stock(stock) => {
                let total = used.saturating_add(held_by_others);
                let is_tight = total >= ask.most / 10 * 9;
                let is_asked = ask.need > 0;
                stock.answered(granted, is_tight && is_asked, now_ms);
                (DENIED_MS, stock.held())
            }
        };
        self.seen = Some(Seen {
            at_ms: now_ms,
            total: used.saturating_add(held_by_others).saturating_add(mine),
        });
        if granted > 0 {
            self.most = ask.most;
            self.denied = None;
        } else if ask.need > 0 {
            let denied = Denied {
                most: ask.most,
                smallest: ask.need,
                largest: ask.need,
                too_much: ask.need,
                until_ms: now_ms.saturating_add(denied_ms.clamp(1, DENIED_MS)),
                room_ms: wait_ms.map(|wait| now_ms.saturating_add(wait)),
            };
            let before = self
                .denied
                .filter(|it| it.until_ms > now_ms && it.most == ask.most);
            self.denied = Some(match before {
                Some(before) => before.and(denied),
                None => denied,
            });
        }
        true
    }

    /// The server has lost what it knew. What a quota had used was in the question; what is held, too.
    pub(in crate::limits) fn lost(&mut self, used: impl Iterator<Item = (u64, u64)>, view: &View) {
        if let Part::Window(window) = &mut self.part {
            window.lost(used, view);
        }
    }

    /// Whether the server has to be told something now.
    pub(in crate::limits) fn has_changes(&mut self, now_ms: u64) -> bool {
        self.trim(now_ms);
        match &self.part {
            Part::Window(window) => window.has_changes(),
            Part::Stock(stock) => stock.has_changes(now_ms),
        }
    }

    /// Whether nothing has to be told, now or later.
    pub(in crate::limits) fn is_idle(&self) -> bool {
        match &self.part {
            Part::Window(window) => window.free() == 0 && !window.has_changes(),
            Part::Stock(stock) => stock.is_idle(),
        }
    }

    /// What was used of a quota and is not counted by the server yet.
    pub(in crate::limits) const fn unsent(&self) -> u64 {
        match &self.part {
            Part::Window(_) => 0,
            Part::Stock(stock) => stock.unsent(),
        }
    }

    /// A new period of a quota.
    pub(in crate::limits) fn renew(&mut self) {
        if let Part::Stock(stock) = &mut self.part {
            stock.renew();
            self.seen = None;
            self.denied = None;
        }
    }
}

impl Denied {
    /// Whether it answers a question, too.
    const fn holds(&self, amount: u64, most: u64, now_ms: u64) -> bool {
        let is_between = self.smallest <= amount && amount <= self.largest;
        let is_refused = is_between || amount >= self.too_much;
        now_ms < self.until_ms && is_refused && most <= self.most
    }

    fn and(self, other: Self) -> Self {
        Self {
            most: self.most,
            smallest: self.smallest.min(other.smallest),
            largest: self.largest.max(other.largest),
            too_much: self.too_much.min(other.too_much),
            // The one that was just asked for holds for a moment at least.
            until_ms: self.until_ms,
            room_ms: self.room_ms.max(other.room_ms),
        }
    }
}

/// What a call is about.
#[derive(Debug)]
pub(in crate::limits) struct About {
    pub(in crate::limits) key: String,
    pub(in crate::limits) ask: Ask,
    pub(in crate::limits) seed: u64,
    pub(in crate::limits) ends_ms: i64,
    /// The number of the call.
    pub(in crate::limits) call: u64,
}

#[cfg(test)]
mod tests;
