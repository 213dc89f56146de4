//! Limits: what is written, and what it means.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::spanned::Spanned;

use super::problem::Problem;
use super::problems::Problems;
use super::written::{AllLimits, File, Limits, LimitsPeriod, Priority, Queue, Quota};
use super::{duration, written};
use crate::access::{ClientLimits, Deployment, MAX_BODY_BYTES};
use crate::limits::{
    self, Calendar, LimitSettings, Measure, Meter, Period, Queueing, Reserves, Rule, Span,
    Thresholds,
};
use crate::usage::Amount;

/// Envoy's configuration gives ext_proc 5 s for a reply.
const MAX_WAIT: Duration = Duration::from_secs(4);
/// Every request that waits holds its body.
const MAX_QUEUED_REQUESTS: usize = 10_000;

/// Whose limits they are: it decides which members there may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Client,
    Product,
    Other,
}

/// Reads rules; what they can be made of is known from the rest of the file.
pub(super) struct Reader {
    /// The currencies of the prices.
    currencies: BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(file: &File) -> Self {
        let currency = |price: &Spanned<written::Price>| price.value.currency.value.clone();
        Self {
            currencies: file.prices.iter().map(currency).collect(),
        }
    }

    /// The rules of a subject.
    pub(super) fn rules(
        &self,
        limits: Option<&Limits>,
        whose: Whose,
        problems: &mut Problems,
    ) -> Arc<[Rule]> {
        let Some(written) = limits else {
            return Arc::default();
        };
        check_members(written, whose, problems);
        let mut rules = Vec::new();
        for (written, measure, span) in [
            (
                &written.concurrent_requests,
                Measure::ConcurrentRequests,
                Span::AtOnce,
            ),
            (
                &written.requests_per_second,
                Measure::Requests,
                Span::Second,
            ),
            (
                &written.requests_per_minute,
                Measure::Requests,
                Span::Minute,
            ),
            (
                &written.tokens_per_minute,
                Measure::TotalTokens,
                Span::Minute,
            ),
            (
                &written.input_tokens_per_minute,
                Measure::InputTokens,
                Span::Minute,
            ),
            (
                &written.output_tokens_per_minute,
                Measure::OutputTokens,
                Span::Minute,
            ),
        ] {
            if let Some(written) = written {
                at_least_one(written, problems);
                rules.push(rule(measure, span, written.value));
            }
        }
        let mut places = std::collections::HashMap::new();
        for written in &written.quotas {
            let Some(quota) = self.quota(written, problems) else {
                continue;
            };
            if let Some(first) = places.insert(quota.meter, written.referenced) {
                let message = format!("duplicate quota of {}", quota.meter);
                problems.push(Problem::at(written.referenced, message).first(Some(first)));
            }
            rules.push(quota);
        }
        rules.into()
    }

    fn quota(&self, written: &Spanned<Quota>, problems: &mut Problems) -> Option<Rule> {
        let Quota {
            requests,
            tokens,
            input_tokens,
            output_tokens,
            cost,
            per,
        } = &written.value;
        let span = Span::Period(period(*per));
        let counts = [
            (requests, Measure::Requests),
            (tokens, Measure::TotalTokens),
            (input_tokens, Measure::InputTokens),
            (output_tokens, Measure::OutputTokens),
        ];
        let mut counts = counts
            .into_iter()
            .filter_map(|(written, measure)| Some((written.as_ref()?, measure)));
        match (counts.next(), counts.next(), cost) {
            (Some((written, measure)), None, None) => {
                at_least_one(written, problems);
                Some(rule(measure, span, written.value))
            }
            (None, None, Some(cost)) => Some(rule(Measure::Cost, span, self.cost(cost, problems))),
            _ => {
                let message = "a quota must have exactly one of `requests`, `tokens`, `input_tokens`, `output_tokens` and `cost`";
                problems.push(Problem::at(written.referenced, message));
                None
            }
        }
    }

    fn cost(&self, written: &Spanned<String>, problems: &mut Problems) -> u64 {
        let amount = written.value.parse::<Amount>().ok();
        let nanos = amount.and_then(|amount| u64::try_from(amount.nanos()).ok());
        if self.currencies.len() == 1 && nanos.is_none_or(|nanos| nanos == 0) {
            let message = format!("`{}` is not an amount of money above 0", written.value);
            let help = "write digits, and up to nine decimals after a point, such as 250 or 2.50";
            problems.push(Problem::at(written.referenced, message).help(help));
        }
        let help = match self.currencies.len() {
            0 => "this file has no `prices`, so nothing has a cost",
            1 => return nanos.unwrap_or(0),
            _ => "the `prices` of this file have several currencies, which can't be added up",
        };
        let message = "a quota of cost needs prices in one currency";
        problems.push(Problem::at(written.referenced, message).help(help));
        0
    }
}

const fn rule(measure: Measure, span: Span, most: u64) -> Rule {
    Rule {
        meter: Meter { measure, span },
        most,
    }
}

const fn period(written: LimitsPeriod) -> Period {
    match written {
        LimitsPeriod::Hour => Period::Hour,
        LimitsPeriod::Day => Period::Day,
        LimitsPeriod::Week => Period::Week,
        LimitsPeriod::Month => Period::Month,
        LimitsPeriod::Year => Period::Year,
    }
}

fn at_least_one(written: &Spanned<u64>, problems: &mut Problems) {
    if written.value == 0 {
        let help = "leave it out where there is no limit; whoever may use nothing needs no product";
        problems.push(Problem::at(written.referenced, "must be at least 1").help(help));
    }
}

fn check_members(limits: &Limits, whose: Whose, problems: &mut Problems) {
    let bytes = limits.request_bytes.as_ref().map(|it| it.referenced);
    let per_user = limits.per_user.as_ref().map(|it| it.referenced);
    let per_client = limits.per_client.as_ref().map(|it| it.referenced);
    for (at, name, belongs_to, is_allowed) in [
        (bytes, "request_bytes", "a client", whose == Whose::Client),
        (per_user, "per_user", "a client", whose == Whose::Client),
        (
            per_client,
            "per_client",
            "a product",
            whose == Whose::Product,
        ),
    ] {
        if let Some(at) = at.filter(|_| !is_allowed) {
            let message = format!("`{name}` belongs to the limits of {belongs_to}");
            problems.push(Problem::at(at, message));
        }
    }
}

/// What a client may have under way at one replica.
pub(super) fn under_way(written: Option<&Limits>, problems: &mut Problems) -> ClientLimits {
    let default = ClientLimits::default();
    let requests = written.and_then(|it| it.concurrent_requests.as_ref());
    let bytes = written.and_then(|it| it.request_bytes.as_ref());
    if let Some(bytes) = bytes.filter(|it| it.value < MAX_BODY_BYTES) {
        let message = format!("must be at least {MAX_BODY_BYTES}");
        let why = "this is the largest body that any request may have, in bytes";
        problems.push(Problem::at(bytes.referenced, message).help(why));
    }
    ClientLimits {
        concurrent_requests: requests.map_or(default.concurrent_requests, |it| {
            usize::try_from(it.value).unwrap_or(usize::MAX)
        }),
        request_bytes: bytes.map_or(default.request_bytes, |it| it.value),
    }
}

/// The limits of all together, and how limits are counted.
pub(super) fn settings(
    written: Option<&AllLimits>,
    reader: &Reader,
    problems: &mut Problems,
) -> LimitSettings {
    let Some(written) = written else {
        return LimitSettings::default();
    };
    let mut deployments = std::collections::HashMap::new();
    for (name, limits) in &written.deployments {
        if Deployment::parse(name).is_none() {
            let message = format!("`{name}` is not the name of a deployment");
            let help = "limits are counted for each deployment by its name; a pattern has none";
            problems.push(Problem::at(limits.referenced, message).help(help));
        }
        let rules = reader.rules(Some(&limits.value), Whose::Other, problems);
        deployments.insert(name.as_str().into(), rules);
    }
    LimitSettings {
        everything: reader.rules(written.everything.as_ref(), Whose::Other, problems),
        deployments,
        calendar: calendar(written.time_zone.as_ref(), problems),
        thresholds: thresholds(written.warn_at.as_ref(), problems),
        reserves: reserves(written, problems),
    }
}

fn calendar(written: Option<&Spanned<String>>, problems: &mut Problems) -> Calendar {
    let Some(written) = written else {
        return Calendar::default();
    };
    Calendar::new(&written.value).unwrap_or_else(|error| {
        let message = format!("`{}`: {error}", written.value);
        let help =
            "write a name of the IANA database, such as UTC, Europe/Berlin or America/New_York";
        problems.push(Problem::at(written.referenced, message).help(help));
        Calendar::default()
    })
}

fn thresholds(written: Option<&Spanned<Vec<Spanned<u8>>>>, problems: &mut Problems) -> Thresholds {
    let Some(written) = written else {
        return Thresholds::default();
    };
    for percent in &written.value {
        if !(1..=100).contains(&percent.value) {
            let message = "must be a percentage from 1 to 100";
            problems.push(Problem::at(percent.referenced, message));
        }
    }
    Thresholds::new(written.value.iter().map(|it| it.value).collect())
}

fn reserves(written: &AllLimits, problems: &mut Problems) -> Reserves {
    let of = |priority| written.reserve.get(&priority);
    let percent = |priority| of(priority).map_or(0, |it| it.value);
    if let Some(low) = of(Priority::Low) {
        let message = "nothing can be reserved for `low`: nobody has a lower priority";
        problems.push(Problem::at(low.referenced, message));
    }
    let reserves = Reserves {
        high: percent(Priority::High),
        normal: percent(Priority::Normal),
    };
    let at = of(Priority::High).or(of(Priority::Normal));
    if let Some(at) = at
        && reserves.high.saturating_add(reserves.normal) >= 100
    {
        let message = "the reserves leave nothing for clients of low priority";
        let help = "these are percentages of each shared limit; together they must be below 100";
        problems.push(Problem::at(at.referenced, message).help(help));
    }
    reserves
}

/// A client's priority.
pub(super) fn priority(written: Option<Priority>) -> limits::Priority {
    match written {
        Some(Priority::High) => limits::Priority::High,
        None | Some(Priority::Normal) => limits::Priority::Normal,
        Some(Priority::Low) => limits::Priority::Low,
    }
}

/// How the requests of a product wait.
pub(super) fn queueing(written: Option<&Queue>, problems: &mut Problems) -> Option<Queueing> {
    let Queue {
        max_wait,
        max_requests,
    } = written?;
    let wait = duration::parse(&max_wait.value);
    let wait = wait.filter(|wait| !wait.is_zero() && *wait <= MAX_WAIT);
    if wait.is_none() {
        let message = format!(
            "`{}` is not a duration that a request can wait",
            max_wait.value
        );
        let most = MAX_WAIT.as_secs();
        let help = format!("write `500ms` or `2s`, at most {most}s: Envoy waits 5s for a reply");
        problems.push(Problem::at(max_wait.referenced, message).help(help));
    }
    if !(1..=MAX_QUEUED_REQUESTS).contains(&max_requests.value) {
        let message = format!("must be from 1 to {MAX_QUEUED_REQUESTS}");
        let help = "each request that waits holds its body in memory";
        problems.push(Problem::at(max_requests.referenced, message).help(help));
    }
    Some(Queueing {
        max_wait: wait?,
        max_requests: max_requests.value,
    })
}

#[cfg(test)]
mod tests;
