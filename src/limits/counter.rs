//! One counter of a subject: a window, a quota, or the requests under way.

use std::time::Duration;

use super::alarm::Thresholds;
use super::calendar::Calendar;
use super::exceeded::Until;
use super::moment::Moment;
use super::rule::{Meter, Span};
use super::shared::{About, Answer, Ask, CounterCall, Room, Share, View, of_counter};
use super::window::Window;

/// How soon to try again where nobody can say when another request ends.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Counter {
    pub(super) meter: Meter,
    /// Before this there was no such limit, and nothing was set aside.
    since_ms: u64,
    count: Count,
    /// Where several replicas count together; this counter's own figures are of this replica alone then.
    share: Option<Box<Share>>,
}

#[derive(Debug)]
enum Count {
    Window(Window),
    Quota(Quota),
    /// Requests under way.
    Level(u64),
}

/// What was used of a quota in the present period.
#[derive(Debug, Default)]
struct Quota {
    /// In milliseconds since 1970.
    from: i64,
    until: i64,
    /// When it began here, by the uptime: what was set aside before belongs to the period before.
    began_ms: u64,
    /// By all replicas that count together, as far as this one knows.
    used: u64,
    /// What requests that are under way may use.
    reserved: u64,
    /// What other replicas keep.
    elsewhere: u64,
    /// Used and reserved when that was last known of all replicas.
    known: u64,
    /// The highest threshold that was said, in percent.
    said: u8,
    /// The limit when it was last looked at.
    most: u64,
}

impl Quota {
    /// Begins a new period when the old one is over; says whether it does. What is under way then belongs
    /// to the old one.
    fn turn(&mut self, calendar: &Calendar, meter: Meter, now: Moment) -> bool {
        let Span::Period(period) = meter.span else {
            return false;
        };
        if (self.from..self.until).contains(&now.unix_ms) {
            return false;
        }
        let present = calendar.period(period, now.unix_ms);
        let is_new = present.start >= self.until;
        if is_new {
            *self = Self {
                began_ms: now.uptime_ms,
                most: self.most,
                ..Self::default()
            };
        }
        // A clock that is set back does not bring back the day before, and when it is right again the day does
        // not begin twice. One that was far ahead is believed no more.
        if now.unix_ms >= self.until || present.end < self.from {
            (self.from, self.until) = (present.start, present.end);
        }
        is_new
    }

    /// Whether it is the period of what was set aside at a moment.
    const fn has(&self, at: Moment) -> bool {
        at.uptime_ms >= self.began_ms
    }

    /// Used, or set aside by this replica.
    const fn own(&self) -> u64 {
        self.used.saturating_add(self.reserved)
    }
}

/// What a counter is asked about a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) amount: u64,
    pub(super) most: u64,
}

/// Whether there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    Yes,
    /// Only the shared counter knows.
    Unknown,
    No {
        used: u64,
        until: Until,
    },
}

impl Counter {
    pub(super) fn new(meter: Meter, now: Moment, shared: Option<&View>) -> Self {
        let (count, share) = match (meter.span.window_ms(), meter.span) {
            (Some(span_ms), _) => {
                let window = Window::new(span_ms);
                let share = Share::window(span_ms, window.slot_ms());
                (Count::Window(window), share)
            }
            (None, Span::Period(_)) => (Count::Quota(Quota::default()), Share::stock()),
            (None, _) => (Count::Level(0), Share::stock()),
        };
        Self {
            meter,
            since_ms: now.uptime_ms,
            count,
            share: shared.map(|_| Box::new(share)),
        }
    }

    /// Begins a new period, where it is time.
    fn turn(&mut self, calendar: &Calendar, now: Moment) {
        if let Count::Quota(quota) = &mut self.count
            && quota.turn(calendar, self.meter, now)
            && let Some(share) = &mut self.share
        {
            share.renew();
        }
    }

    /// Used or set aside, as far as this replica knows.
    pub(super) fn used(&mut self, calendar: &Calendar, now: Moment) -> u64 {
        self.turn(calendar, now);
        let own = match &mut self.count {
            Count::Window(window) => window.used(now.uptime_ms),
            Count::Quota(quota) => quota.own().saturating_add(quota.elsewhere),
            Count::Level(held) => *held,
        };
        match (&self.share, &self.count) {
            (Some(share), Count::Window(_) | Count::Level(_)) => {
                share.used(now.uptime_ms).map_or(own, |all| all.max(own))
            }
            _ => own,
        }
    }

    /// Whether a request fits.
    pub(super) fn fits(
        &mut self,
        asked: Asked,
        calendar: &Calendar,
        now: Moment,
        shared: Option<&View>,
    ) -> Fits {
        let Asked { amount, most } = asked;
        let used = self.used(calendar, now);
        if amount == 0 {
            return Fits::Yes;
        }
        let (Some(share), Some(view)) = (&mut self.share, shared) else {
            let is_within = used.saturating_add(amount) <= most;
            return match (is_within, most.checked_sub(amount)) {
                (true, _) => Fits::Yes,
                (false, Some(at_most)) => Fits::No {
                    used,
                    until: self.until(at_most, now),
                },
                (false, None) => Fits::No {
                    used,
                    until: Until::Never,
                },
            };
        };
        if amount > most {
            let until = Until::Never;
            return Fits::No { used, until };
        }
        let until = match share.room(amount, most, view) {
            Room::Enough => return Fits::Yes,
            Room::Unknown => return Fits::Unknown,
            Room::Denied(wait_ms) => self.denied(wait_ms),
            Room::Refused => Until::Unavailable,
            Room::Alone => match self.alone(asked, now, view) {
                None => return Fits::Yes,
                Some(until) => until,
            },
        };
        Fits::No { used, until }
    }

    fn denied(&self, wait_ms: Option<u64>) -> Until {
        match &self.count {
            Count::Quota(quota) => Until::Renewed(quota.until),
            Count::Window(_) | Count::Level(_) => {
                Until::After(wait_ms.map_or(RETRY, Duration::from_millis))
            }
        }
    }

    /// While this replica has to go on alone: its part of the limit, or of what was left of a quota.
    fn alone(&mut self, asked: Asked, now: Moment, view: &View) -> Option<Until> {
        let Asked { amount, most } = asked;
        let (used, part) = match &mut self.count {
            Count::Window(window) => (window.used(now.uptime_ms), view.part(most)),
            Count::Level(held) => (*held, view.part(most)),
            Count::Quota(quota) => {
                let known = quota.known.saturating_add(quota.elsewhere);
                let since = quota.own().saturating_sub(quota.known);
                (since, view.part(most.saturating_sub(known)))
            }
        };
        if used.saturating_add(amount) <= part {
            return None;
        }
        Some(match part.checked_sub(amount) {
            Some(at_most) => self.until(at_most, now),
            // It is more than this replica's part, though not more than the limit.
            None => self.denied(None),
        })
    }

    /// The part of it that is set aside, by all replicas. A window does not tell it from what was used.
    pub(super) const fn set_aside(&self) -> Option<u64> {
        match &self.count {
            Count::Quota(quota) => Some(quota.reserved.saturating_add(quota.elsewhere)),
            Count::Window(_) | Count::Level(_) => None,
        }
    }

    /// When no more than so much is left in it.
    fn until(&mut self, at_most: u64, now: Moment) -> Until {
        match &mut self.count {
            Count::Window(window) => Until::After(Duration::from_millis(
                window.wait_ms(at_most, now.uptime_ms),
            )),
            Count::Quota(quota) => Until::Renewed(quota.until),
            Count::Level(_) => Until::After(RETRY),
        }
    }

    /// When all of it is there again.
    pub(super) fn resets(&mut self, now: Moment) -> Until {
        match (&self.share, self.meter.span.window_ms()) {
            // The others may have used some of it just now.
            (Some(_), Some(span_ms)) => Until::After(Duration::from_millis(span_ms)),
            _ => self.until(0, now),
        }
    }

    /// A quota's limit, when it is looked at.
    pub(super) const fn looked_at(&mut self, most: u64) {
        if let Count::Quota(quota) = &mut self.count {
            quota.most = most;
        }
    }

    /// Sets something aside for a request that has begun at a moment.
    pub(super) fn reserve(&mut self, amount: u64, at: Moment, now: Moment, shared: Option<&View>) {
        match &mut self.count {
            Count::Window(window) => window.add(amount, now.uptime_ms),
            // It began in the period before, and is not settled in this one.
            Count::Quota(quota) if !quota.has(at) => return,
            Count::Quota(quota) => quota.reserved = quota.reserved.saturating_add(amount),
            Count::Level(held) => *held += 1,
        }
        if let (Some(share), Some(view)) = (&mut self.share, shared) {
            share.reserve(amount, view);
        }
    }

    /// In place of what was set aside at a moment: what was used.
    pub(super) fn settle(
        &mut self,
        reserved: u64,
        used: u64,
        at: Moment,
        by: (&Calendar, Moment, Option<&View>),
    ) {
        let (calendar, now, shared) = by;
        let was_set_aside = at.uptime_ms >= self.since_ms;
        let reserved = if was_set_aside { reserved } else { 0 };
        self.turn(calendar, now);
        let (reserved, used) = match &mut self.count {
            Count::Window(window) => {
                match used.checked_sub(reserved) {
                    Some(more) => window.add(more, now.uptime_ms),
                    None => window.give_back(reserved - used, at.uptime_ms, now.uptime_ms),
                }
                (reserved, used)
            }
            // What began in the period before was used in that one.
            Count::Quota(quota) if !quota.has(at) => return,
            Count::Quota(quota) => {
                quota.reserved = quota.reserved.saturating_sub(reserved);
                quota.used = quota.used.saturating_add(used);
                (reserved, used)
            }
            Count::Level(_) => return,
        };
        if let (Some(share), Some(view)) = (&mut self.share, shared) {
            share.settle(reserved, used, at.uptime_ms, view);
        }
    }

    /// A request that began at a moment is under way no more.
    pub(super) fn release(&mut self, at: Moment, shared: Option<&View>) {
        let was_set_aside = at.uptime_ms >= self.since_ms;
        if let (Count::Level(held), true) = (&mut self.count, was_set_aside) {
            *held = held.saturating_sub(1);
            if let (Some(share), Some(view)) = (&mut self.share, shared) {
                share.settle(1, 0, at.uptime_ms, view);
            }
        }
    }

    /// What was used of a quota before this process began.
    pub(super) fn seed(
        &mut self,
        used: u64,
        most: u64,
        thresholds: &Thresholds,
        now: (&Calendar, Moment),
    ) {
        self.turn(now.0, now.1);
        if let Count::Quota(quota) = &mut self.count {
            quota.used = quota.used.saturating_add(used);
            quota.known = quota.own();
            quota.most = most;
            quota.said = thresholds.passed(quota.used, most).unwrap_or(0);
        }
    }

    pub(super) fn is_idle(&mut self, calendar: &Calendar, now: Moment) -> bool {
        self.turn(calendar, now);
        let is_shared_idle = self.share.as_ref().is_none_or(|share| share.is_idle());
        is_shared_idle
            && match &mut self.count {
                Count::Window(window) => window.used(now.uptime_ms) == 0,
                Count::Quota(quota) => quota.used == 0 && quota.reserved == 0,
                Count::Level(held) => *held == 0,
            }
    }

    /// Whether it is a window in which something was used.
    pub(super) fn is_recent(&mut self, now: Moment) -> bool {
        match &mut self.count {
            Count::Window(window) => window.used(now.uptime_ms) > 0,
            Count::Quota(_) | Count::Level(_) => false,
        }
    }

    /// The thresholds that its use has passed since they were last said.
    pub(super) fn passed(&mut self, thresholds: &Thresholds, is_exhausted: bool) -> Option<Passed> {
        let Count::Quota(quota) = &mut self.count else {
            return None;
        };
        let all = quota.own().saturating_add(quota.elsewhere);
        let percent = match is_exhausted && all >= quota.most / 10 * 9 {
            true => 100,
            false => thresholds.passed(quota.used, quota.most)?,
        };
        (percent > quota.said).then(|| {
            quota.said = percent;
            Passed {
                percent,
                used: quota.used,
                most: quota.most,
                until: quota.until,
            }
        })
    }
}

/// What takes place between this replica's part and the shared counter.
impl Counter {
    pub(super) fn share(&mut self) -> Option<&mut Share> {
        self.share.as_deref_mut()
    }

    /// What the shared counter is told and asked with a call.
    pub(super) fn begin(
        &mut self,
        asked: Option<Asked>,
        call: u64,
        calendar: &Calendar,
        view: &View,
    ) -> Option<CounterCall> {
        self.turn(calendar, view.now);
        let share = self.share.as_deref_mut()?;
        let ask = asked.map_or_else(Ask::default, |it| share.ask(it.amount, it.most, view));
        let (from, seed, ends_ms) = match &self.count {
            Count::Quota(quota) => {
                let seed = quota.used.saturating_sub(share.unsent());
                // Some time for the clocks of other replicas.
                (
                    Some(quota.from),
                    seed,
                    quota.until.saturating_add(3_600_000),
                )
            }
            Count::Window(_) | Count::Level(_) => (None, 0, 0),
        };
        let about = About {
            key: of_counter(self.meter, from),
            ask,
            seed,
            ends_ms,
            call,
        };
        Some(share.begin(about, view))
    }

    /// What the shared counter has answered. A server that has lost what it knew is told again.
    pub(super) fn answered(&mut self, ask: Ask, answer: &Answer, server: Server, view: &View) {
        let Some(share) = self.share.as_deref_mut() else {
            return;
        };
        if let (true, Count::Window(window)) = (server.has_lost, &mut self.count) {
            share.lost(window.entries(view.now.uptime_ms), view);
        }
        let unsent = share.unsent();
        let is_present = share.answered(ask, answer, server.now_ms, view);
        if let (true, Count::Quota(quota)) = (is_present, &mut self.count) {
            // Nothing that was known is forgotten because another server does not know it.
            let before = quota.used.saturating_sub(unsent);
            quota.used = answer.used.max(before).saturating_add(share.unsent());
            quota.elsewhere = answer.held_by_others;
            quota.known = quota.own();
        }
    }
}

/// What a server has said besides its figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) now_ms: u64,
    pub(super) has_lost: bool,
}

/// A threshold that was passed.
pub(super) struct Passed {
    pub(super) percent: u8,
    pub(super) used: u64,
    pub(super) most: u64,
    pub(super) until: i64,
}
