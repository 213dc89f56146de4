//! What one subject has used of each of its limits.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::alarm::{Alarm, Thresholds};
use super::amounts::Amounts;
use super::calendar::Calendar;
use super::exceeded::{Exceeded, Until};
use super::moment::Moment;
use super::rate_limits::{RateLimits, Resets, Standing};
use super::rule::{Measure, Meter, Rule, Span};
use super::subject::{Line, Subject};
use super::window::Window;

/// How soon to try again where nobody can say when another request ends.
const RETRY_CONCURRENT: Duration = Duration::from_secs(1);

/// The counters of one subject. They are what its limits have been since it was first seen: a limit that the
/// configuration takes away and brings back goes on where it was.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) subject: Subject,
    counters: Mutex<Vec<Counter>>,
}

#[derive(Debug)]
struct Counter {
    meter: Meter,
    /// Before this there was no such limit, and nothing was set aside.
    since_ms: u64,
    count: Count,
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
    used: u64,
    /// What requests that are under way may use.
    reserved: u64,
    /// The highest threshold that was said, in percent.
    said: u8,
    /// The limit when it was last looked at.
    most: u64,
}

impl Quota {
    /// Begins a new period when the old one is over. What is under way then belongs to the old one.
    fn turn(&mut self, calendar: &Calendar, meter: Meter, unix_ms: i64) {
        if let Span::Period(period) = meter.span
            && !(self.from..self.until).contains(&unix_ms)
        {
            let now = calendar.period(period, unix_ms);
            // A clock that is set back does not bring back the day before.
            if now.start >= self.until {
                (self.used, self.reserved, self.said) = (0, 0, 0);
            }
            (self.from, self.until) = (now.start, now.end);
        }
    }

    fn has(&self, unix_ms: i64) -> bool {
        (self.from..self.until).contains(&unix_ms)
    }
}

impl Counter {
    fn new(meter: Meter, now: Moment) -> Self {
        let count = match (meter.span.window_ms(), meter.span) {
            (Some(span_ms), _) => Count::Window(Window::new(span_ms)),
            (None, Span::Period(_)) => Count::Quota(Quota::default()),
            (None, _) => Count::Level(0),
        };
        Self {
            meter,
            since_ms: now.uptime_ms,
            count,
        }
    }

    /// Used or set aside.
    fn used(&mut self, calendar: &Calendar, now: Moment) -> u64 {
        match &mut self.count {
            Count::Window(window) => window.used(now.uptime_ms),
            Count::Quota(quota) => {
                quota.turn(calendar, self.meter, now.unix_ms);
                quota.used.saturating_add(quota.reserved)
            }
            Count::Level(held) => *held,
        }
    }

    /// When no more than so much is left in it.
    fn until(&mut self, at_most: u64, now: Moment) -> Until {
        match &mut self.count {
            Count::Window(window) => Until::After(Duration::from_millis(
                window.wait_ms(at_most, now.uptime_ms),
            )),
            Count::Quota(quota) => Until::Renewed(quota.until),
            Count::Level(_) => Until::After(RETRY_CONCURRENT),
        }
    }

    fn reserve(&mut self, amount: u64, now: Moment) {
        match &mut self.count {
            Count::Window(window) => window.add(amount, now.uptime_ms),
            Count::Quota(quota) => quota.reserved = quota.reserved.saturating_add(amount),
            Count::Level(held) => *held += 1,
        }
    }

    /// In place of what was set aside at a moment: what was used.
    fn settle(&mut self, reserved: u64, used: u64, at: Moment, calendar: &Calendar, now: Moment) {
        let was_set_aside = at.uptime_ms >= self.since_ms;
        let reserved = if was_set_aside { reserved } else { 0 };
        match &mut self.count {
            Count::Window(window) => match used.checked_sub(reserved) {
                Some(more) => window.add(more, now.uptime_ms),
                None => window.give_back(reserved - used, at.uptime_ms, now.uptime_ms),
            },
            Count::Quota(quota) => {
                quota.turn(calendar, self.meter, now.unix_ms);
                // What began in the period before was used in that one.
                if quota.has(at.unix_ms) {
                    quota.reserved = quota.reserved.saturating_sub(reserved);
                    quota.used = quota.used.saturating_add(used);
                }
            }
            Count::Level(_) => {}
        }
    }

    /// A request is under way no more.
    fn release(&mut self, set_aside: &SetAside) {
        if let Count::Level(held) = &mut self.count
            && set_aside.is_under_way
            && set_aside.at.uptime_ms >= self.since_ms
        {
            *held = held.saturating_sub(1);
        }
    }

    fn is_idle(&mut self, calendar: &Calendar, now: Moment) -> bool {
        match &mut self.count {
            Count::Window(window) => window.used(now.uptime_ms) == 0,
            Count::Quota(quota) => {
                quota.turn(calendar, self.meter, now.unix_ms);
                quota.used == 0 && quota.reserved == 0
            }
            Count::Level(held) => *held == 0,
        }
    }

    /// The thresholds that its use has passed since they were last said.
    fn passed(&mut self, thresholds: &Thresholds, is_exhausted: bool) -> Option<Passed> {
        let Count::Quota(quota) = &mut self.count else {
            return None;
        };
        let is_nearly_used = quota.used.saturating_add(quota.reserved) >= quota.most / 10 * 9;
        let percent = match is_exhausted && is_nearly_used {
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

struct Passed {
    percent: u8,
    used: u64,
    most: u64,
    until: i64,
}

/// The counter of a meter, made where there is none.
fn counter(counters: &mut Vec<Counter>, meter: Meter, now: Moment) -> Option<&mut Counter> {
    if !counters.iter().any(|counter| counter.meter == meter) {
        counters.push(Counter::new(meter, now));
    }
    counters.iter_mut().find(|counter| counter.meter == meter)
}

impl Account {
    pub(super) const fn new(subject: Subject) -> Self {
        Self {
            subject,
            counters: Mutex::new(Vec::new()),
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
    /// The limit that would be exceeded.
    pub(super) fn check(
        &self,
        line: &Line,
        amounts: &Amounts,
        calendar: &Calendar,
        now: Moment,
    ) -> Result<(), Box<Exceeded>> {
        self.with(|counters| fits(counters, line, amounts, calendar, now))
    }

    /// Sets amounts aside: all of them or none.
    ///
    /// # Errors
    /// The limit that would be exceeded.
    pub(super) fn reserve(
        &self,
        line: &Line,
        amounts: &Amounts,
        calendar: &Calendar,
        now: Moment,
    ) -> Result<(), Box<Exceeded>> {
        self.with(|counters| {
            fits(counters, line, amounts, calendar, now)?;
            // Also those whose limit is not there any more: it may come back.
            for counter in counters {
                counter.reserve(amounts.of(counter.meter.measure), now);
            }
            Ok(())
        })
    }

    /// Counts what was used in place of what was set aside; says which thresholds that has passed.
    pub(super) fn settle(
        &self,
        set_aside: &SetAside,
        used: &Amounts,
        surroundings: &Surroundings<'_>,
    ) -> Vec<Alarm> {
        let Surroundings { calendar, now, .. } = *surroundings;
        self.with(|counters| {
            let mut alarms = Vec::new();
            for counter in counters {
                let measure = counter.meter.measure;
                let reserved = set_aside.amounts.of(measure);
                counter.settle(reserved, used.of(measure), set_aside.at, calendar, now);
                counter.release(set_aside);
                alarms.extend(self.alarm(counter, surroundings.thresholds, false));
            }
            alarms
        })
    }

    /// A request is under way no more; what was set aside for it stays.
    pub(super) fn release(&self, set_aside: &SetAside) {
        self.with(|counters| counters.iter_mut().for_each(|it| it.release(set_aside)));
    }

    /// Counts what was used by work that nothing was set aside for, in quotas. What is under way stays as it is.
    pub(super) fn charge(
        &self,
        line: &Line,
        used: &Amounts,
        surroundings: &Surroundings<'_>,
    ) -> Vec<Alarm> {
        let Surroundings { calendar, now, .. } = *surroundings;
        self.with(|counters| {
            let mut alarms = Vec::new();
            let is_quota = |rule: &&Rule| matches!(rule.meter.span, Span::Period(_));
            for rule in line.rules.iter().filter(is_quota) {
                let Some(counter) = counter(counters, rule.meter, now) else {
                    continue;
                };
                counter.used(calendar, now);
                if let Count::Quota(quota) = &mut counter.count {
                    quota.most = rule.most;
                }
                let used = used.of(rule.meter.measure);
                counter.settle(0, used, now, calendar, now);
                alarms.extend(self.alarm(counter, surroundings.thresholds, false));
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
    pub(super) fn seed(&self, rule: Rule, used: u64, surroundings: &Surroundings<'_>) {
        let Surroundings {
            calendar,
            now,
            thresholds,
        } = *surroundings;
        self.with(|counters| {
            let counter = counter(counters, rule.meter, now);
            if let Some(Count::Quota(quota)) = counter.map(|it| &mut it.count) {
                quota.turn(calendar, rule.meter, now.unix_ms);
                quota.used = quota.used.saturating_add(used);
                quota.most = rule.most;
                quota.said = thresholds.passed(quota.used, rule.most).unwrap_or(0);
            }
        });
    }

    /// What is left of each of these limits.
    pub(super) fn standing(&self, line: &Line, calendar: &Calendar, now: Moment) -> Vec<Standing> {
        self.with(|counters| {
            let standing = |rule: &Rule| {
                let counter = counter(counters, rule.meter, now)?;
                Some(Standing {
                    rule: Rule {
                        most: rule.most_of(line.percent),
                        ..*rule
                    },
                    used: counter.used(calendar, now),
                    resets: match counter.until(0, now) {
                        _ if rule.meter.span == Span::AtOnce => Resets::WithRequests,
                        Until::After(wait) => Resets::In(wait),
                        Until::Renewed(at) => Resets::At(at),
                        Until::Never => Resets::WithRequests,
                    },
                })
            };
            line.rules.iter().filter_map(standing).collect()
        })
    }

    /// Whether it can be forgotten: nothing counts.
    pub(super) fn is_idle(&self, calendar: &Calendar, now: Moment) -> bool {
        self.with(|counters| counters.iter_mut().all(|it| it.is_idle(calendar, now)))
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
}

fn fits(
    counters: &mut Vec<Counter>,
    line: &Line,
    amounts: &Amounts,
    calendar: &Calendar,
    now: Moment,
) -> Result<(), Box<Exceeded>> {
    for rule in line.rules.iter() {
        let Some(counter) = counter(counters, rule.meter, now) else {
            continue;
        };
        let used = counter.used(calendar, now);
        if let Count::Quota(quota) = &mut counter.count {
            quota.most = rule.most;
        }
        let amount = amounts.of(rule.meter.measure);
        let most = rule.most_of(line.percent);
        if amount == 0 || used.saturating_add(amount) <= most {
            continue;
        }
        let until = match most.checked_sub(amount) {
            Some(at_most) => counter.until(at_most, now),
            None => Until::Never,
        };
        return Err(Box::new(Exceeded {
            subject: line.subject.clone(),
            rule: Rule { most, ..*rule },
            amount,
            used,
            until,
            rate_limits: RateLimits::default(),
        }));
    }
    Ok(())
}

impl Measure {
    /// Whether a request that has sent no body yet is known to use some.
    pub(super) const fn is_known_early(self) -> bool {
        matches!(self, Self::Requests | Self::ConcurrentRequests)
    }
}
