//! What one subject has used of each of its limits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::alarm::{Alarm, Thresholds};
use super::amounts::Amounts;
use super::calendar::Calendar;
use super::counter::{Asked, Counter, Fits, Server};
use super::exceeded::{Exceeded, Until};
use super::moment::Moment;
use super::rate_limits::{RateLimits, Resets, Standing};
use super::rule::{Measure, Meter, Rule, Span};
use super::shared::{CounterCall, Said, Turn, View};
use super::subject::{Line, Subject};

/// The counters of one subject. They are what its limits have been since it was first seen: a limit that the
/// configuration takes away and brings back goes on where it was.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) subject: Subject,
    counters: Mutex<Vec<Counter>>,
    /// Whose turn it is to ask the shared counters.
    pub(super) turn: tokio::sync::Mutex<Turn>,
    /// Whether it is among those that have something to tell the shared counters.
    is_listed: AtomicBool,
}

/// Why an account does not set something aside.
#[derive(Debug)]
pub(super) enum Short {
    /// A limit would be exceeded.
    Exceeded(Box<Exceeded>),
    /// Only the shared counters know.
    Unknown,
}

/// The counter of a meter, made where there is none.
fn counter<'a>(
    counters: &'a mut Vec<Counter>,
    meter: Meter,
    by: &Surroundings<'_>,
) -> Option<&'a mut Counter> {
    if !counters.iter().any(|counter| counter.meter == meter) {
        counters.push(Counter::new(meter, by.now, by.shared.as_ref()));
    }
    counters.iter_mut().find(|counter| counter.meter == meter)
}

impl Account {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            counters: Mutex::new(Vec::new()),
            turn: tokio::sync::Mutex::default(),
            is_listed: AtomicBool::new(false),
        }
    }

    /// Does something with the counters. No lock is held across an await, and nothing here can panic while
    /// one is.
    fn with<T>(&self, work: impl FnOnce(&mut Vec<Counter>) -> T) -> T {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut counters)
    }

    /// Whether amounts are within the limits; nothing is set aside.
    ///
    /// # Errors
    /// The limit that would be exceeded, or that it is not known.
    pub(super) fn check(
        &self,
        line: &Line,
        amounts: &Amounts,
        by: &Surroundings<'_>,
    ) -> Result<(), Short> {
        self.with(|counters| fits(counters, line, amounts, by))
    }

    /// Sets amounts aside for a request that has begun at a moment: all of them or none.
    ///
    /// # Errors
    /// The limit that would be exceeded, or that it is not known.
    pub(super) fn reserve(
        &self,
        line: &Line,
        amounts: &Amounts,
        at: Moment,
        by: &Surroundings<'_>,
    ) -> Result<(), Short> {
        self.with(|counters| reserve(counters, line, amounts, at, by))
    }

    /// Counts what was used in place of what was set aside; says which thresholds that has passed.
    pub(super) fn settle(
        &self,
        set_aside: &SetAside,
        used: &Amounts,
        by: &Surroundings<'_>,
    ) -> Vec<Alarm> {
        self.with(|counters| {
            let mut alarms = Vec::new();
            for counter in counters {
                let measure = counter.meter.measure;
                let reserved = set_aside.amounts.of(measure);
                counter.settle(reserved, used.of(measure), set_aside.at, by.clocks());
                if set_aside.is_under_way {
                    counter.release(set_aside.at, by.shared.as_ref());
                }
                alarms.extend(self.alarm(counter, by.thresholds, false));
            }
            alarms
        })
    }

    /// A request is under way no more; what was set aside for it stays.
    pub(super) fn release(&self, set_aside: &SetAside, by: &Surroundings<'_>) {
        self.with(|counters| {
            for counter in counters {
                counter.release(set_aside.at, by.shared.as_ref());
            }
        });
    }

    /// Counts what was used by work that nothing was set aside for, in quotas. What is under way stays as it is.
    pub(super) fn charge(&self, line: &Line, used: &Amounts, by: &Surroundings<'_>) -> Vec<Alarm> {
        self.with(|counters| {
            let mut alarms = Vec::new();
            let is_quota = |rule: &&Rule| matches!(rule.meter.span, Span::Period(_));
            for rule in line.rules.iter().filter(is_quota) {
                let Some(counter) = counter(counters, rule.meter, by) else {
                    continue;
                };
                counter.used(by.calendar, by.now);
                counter.looked_at(rule.most);
                let used = used.of(rule.meter.measure);
                counter.settle(0, used, by.now, by.clocks());
                alarms.extend(self.alarm(counter, by.thresholds, false));
            }
            alarms
        })
    }

    /// A quota has refused a request. Where little is left it is used up, though not to the last token.
    pub(super) fn exhausted(&self, meter: Meter, thresholds: &Thresholds) -> Option<Alarm> {
        self.with(|counters| {
            let counter = counters.iter_mut().find(|it| it.meter == meter)?;
            self.alarm(counter, thresholds, true)
        })
    }

    fn alarm(
        &self,
        counter: &mut Counter,
        thresholds: &Thresholds,
        is_over: bool,
    ) -> Option<Alarm> {
        let passed = counter.passed(thresholds, is_over)?;
        Some(Alarm {
            subject: self.subject.clone(),
            meter: counter.meter,
            percent: passed.percent,
            used: passed.used,
            most: passed.most,
            renews_ms: passed.until,
        })
    }

    /// What was used of a quota before this process began. Thresholds that were passed then were said then.
    pub(super) fn seed(&self, rule: Rule, used: u64, by: &Surroundings<'_>) {
        self.with(|counters| {
            if let Some(counter) = counter(counters, rule.meter, by) {
                counter.seed(used, rule.most, by.thresholds, (by.calendar, by.now));
            }
        });
    }

    /// What is left of each of these limits.
    pub(super) fn standing(&self, line: &Line, by: &Surroundings<'_>) -> Vec<Standing> {
        self.with(|counters| {
            let rules = line.rules.iter();
            let all = rules.filter_map(|rule| standing(counters, line, rule, by));
            all.collect()
        })
    }

    /// Adds what the caller is told of these limits.
    pub(super) fn tell(&self, line: &Line, by: &Surroundings<'_>, told: &mut RateLimits) {
        let is_told = |rule: &&Rule| RateLimits::have(rule.meter);
        self.with(|counters| {
            for rule in line.rules.iter().filter(is_told) {
                if let Some(standing) = standing(counters, line, rule, by) {
                    told.add(standing);
                }
            }
        });
    }

    /// Whether it can be forgotten: nothing counts.
    pub(super) fn is_idle(&self, calendar: &Calendar, now: Moment) -> bool {
        self.with(|counters| counters.iter_mut().all(|it| it.is_idle(calendar, now)))
    }
}

/// What takes place between an account and its shared counters.
impl Account {
    /// Puts it among those that have something to tell; says whether it was not there.
    pub(super) fn list(&self) -> bool {
        !self.is_listed.swap(true, Ordering::AcqRel)
    }

    /// It is among them no more.
    pub(super) fn unlist(&self) {
        self.is_listed.store(false, Ordering::Release);
    }

    /// Makes the counters of these limits, where there are none.
    pub(super) fn open(&self, line: &Line, by: &Surroundings<'_>) {
        self.with(|counters| {
            for rule in line.rules.iter() {
                let _ = counter(counters, rule.meter, by);
            }
        });
    }

    /// A request waits to ask for this much, or waits no more.
    pub(super) fn queue(
        &self,
        line: &Line,
        amounts: &Amounts,
        enters: bool,
        by: &Surroundings<'_>,
    ) {
        self.with(|counters| {
            for rule in line.rules.iter() {
                let counter = counter(counters, rule.meter, by);
                if let Some(share) = counter.and_then(Counter::share) {
                    let amount = amounts.of(rule.meter.measure);
                    match enters {
                        true => share.enter(amount),
                        false => share.leave(amount),
                    }
                }
            }
        });
    }

    /// What the shared counters are told with a call, and asked for a request: what it needs of those limits
    /// that have too little, or of all.
    pub(super) fn begin(
        &self,
        call: u64,
        asking: Option<Asking<'_>>,
        by: &Surroundings<'_>,
    ) -> Vec<CounterCall> {
        let Some(view) = by.shared else {
            return Vec::new();
        };
        self.with(|counters| {
            let mut calls = Vec::new();
            for counter in counters {
                let asked = asking.as_ref().and_then(|it| it.of(counter, by));
                calls.extend(counter.begin(asked, call, by.calendar, &view));
            }
            calls
        })
    }

    /// What they have answered.
    pub(super) fn answered(&self, calls: &[CounterCall], said: &Said, by: &Surroundings<'_>) {
        self.with(|counters| answered(counters, calls, said, by));
    }

    /// The same, and sets aside what a request needs before anybody else can take it.
    ///
    /// # Errors
    /// The limit that would be exceeded, or that it is not known.
    pub(super) fn answered_for(
        &self,
        asking: &Asking<'_>,
        calls: &[CounterCall],
        said: &Said,
        by: &Surroundings<'_>,
    ) -> Result<(), Short> {
        self.with(|counters| {
            answered(counters, calls, said, by);
            reserve(counters, asking.line, asking.amounts, asking.at, by)
        })
    }

    /// Whether something was used within the last second or minute.
    pub(super) fn is_recent(&self, now: Moment) -> bool {
        self.with(|counters| counters.iter_mut().any(|it| it.is_recent(now)))
    }

    /// Gives back what is set aside for nobody.
    pub(super) fn empty(&self) {
        self.with(|counters| {
            for share in counters.iter_mut().filter_map(Counter::share) {
                share.empty();
            }
        });
    }

    /// Whether the shared counters have to be told something: now, or later.
    pub(super) fn news(&self, now: Moment) -> (bool, bool) {
        self.with(|counters| {
            let (mut now_due, mut later) = (false, false);
            for share in counters.iter_mut().filter_map(Counter::share) {
                now_due |= share.has_changes(now.uptime_ms);
                later |= !share.is_idle();
            }
            (now_due, later)
        })
    }
}

/// A request that asks shared counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking<'a> {
    pub(super) line: &'a Line,
    pub(super) amounts: &'a Amounts,
    /// When it has begun.
    pub(super) at: Moment,
    /// Of all its limits, not only of those that have too little now.
    pub(super) of_all: bool,
}

impl Asking<'_> {
    fn of(&self, counter: &mut Counter, by: &Surroundings<'_>) -> Option<Asked> {
        let mut rules = self.line.rules.iter();
        let rule = rules.find(|rule| rule.meter == counter.meter)?;
        let asked = Asked {
            amount: self.amounts.of(rule.meter.measure),
            most: rule.most_of(self.line.percent),
        };
        let is_short = self.of_all
            || counter.fits(asked, by.calendar, by.now, by.shared.as_ref()) == Fits::Unknown;
        (asked.amount > 0 && is_short).then_some(asked)
    }
}

/// What was set aside, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetAside {
    pub(super) amounts: Amounts,
    pub(super) at: Moment,
    /// Its request counts among those that are under way.
    pub(super) is_under_way: bool,
}

/// What counters are looked at by.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) calendar: &'a Calendar,
    pub(super) thresholds: &'a Thresholds,
    pub(super) now: Moment,
    /// Where replicas count together.
    pub(super) shared: Option<View>,
}

impl Surroundings<'_> {
    /// The same where nothing more is asked.
    pub(super) fn refusing(self) -> Self {
        Self {
            shared: self.shared.map(View::refusing),
            ..self
        }
    }

    const fn clocks(&self) -> (&Calendar, Moment, Option<&View>) {
        (self.calendar, self.now, self.shared.as_ref())
    }
}

fn reserve(
    counters: &mut Vec<Counter>,
    line: &Line,
    amounts: &Amounts,
    at: Moment,
    by: &Surroundings<'_>,
) -> Result<(), Short> {
    fits(counters, line, amounts, by)?;
    // Also those whose limit is not there any more: it may come back.
    for counter in counters {
        let amount = amounts.of(counter.meter.measure);
        counter.reserve(amount, at, by.now, by.shared.as_ref());
    }
    Ok(())
}

fn fits(
    counters: &mut Vec<Counter>,
    line: &Line,
    amounts: &Amounts,
    by: &Surroundings<'_>,
) -> Result<(), Short> {
    let mut is_known = true;
    for rule in line.rules.iter() {
        let Some(counter) = counter(counters, rule.meter, by) else {
            continue;
        };
        counter.looked_at(rule.most);
        let amount = amounts.of(rule.meter.measure);
        let most = rule.most_of(line.percent);
        let asked = Asked { amount, most };
        match counter.fits(asked, by.calendar, by.now, by.shared.as_ref()) {
            Fits::Yes => {}
            Fits::Unknown => is_known = false,
            Fits::No { used, until } => {
                return Err(Short::Exceeded(Box::new(Exceeded {
                    subject: line.subject.clone(),
                    rule: Rule { most, ..*rule },
                    amount,
                    used,
                    until,
                    rate_limits: RateLimits::default(),
                })));
            }
        }
    }
    match is_known {
        true => Ok(()),
        false => Err(Short::Unknown),
    }
}

fn answered(counters: &mut [Counter], calls: &[CounterCall], said: &Said, by: &Surroundings<'_>) {
    let Some(view) = by.shared else {
        return;
    };
    let server = Server {
        now_ms: said.answers.now_ms,
        has_lost: said.has_lost,
    };
    // Counters are never removed: those that were asked are still the first.
    let pairs = calls.iter().zip(&said.answers.counters);
    for (counter, (call, answer)) in counters.iter_mut().zip(pairs) {
        counter.answered(call.ask, answer, server, &view);
    }
}

fn standing(
    counters: &mut Vec<Counter>,
    line: &Line,
    rule: &Rule,
    by: &Surroundings<'_>,
) -> Option<Standing> {
    let counter = counter(counters, rule.meter, by)?;
    Some(Standing {
        rule: Rule {
            most: rule.most_of(line.percent),
            ..*rule
        },
        whole: rule.most,
        used: counter.used(by.calendar, by.now),
        set_aside: counter.set_aside(),
        resets: match counter.resets(by.now) {
            _ if rule.meter.span == Span::AtOnce => Resets::WithRequests,
            Until::After(wait) => Resets::In(wait),
            Until::Renewed(at) => Resets::At(at),
            Until::Never | Until::Unavailable => Resets::WithRequests,
        },
    })
}

impl Measure {
    /// Whether a request that has sent no body yet is known to use some.
    pub(super) const fn is_known_early(self) -> bool {
        matches!(self, Self::Requests | Self::ConcurrentRequests)
    }
}
