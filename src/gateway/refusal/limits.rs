//! A limit that is reached, as an answer.

use std::time::Duration;

use super::{ReachedLimit, Reason, Refusal};
use crate::limits::{Calendar, Exceeded, Measure, Until};
use crate::unix_time;
use crate::usage::Amount;

/// How soon the counts that several replicas share may be there again: they are tried several times a second.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

impl Refusal {
    /// A limit that a request would exceed. Its numbers are told where it is the caller's own; of what several
    /// share, what the others use is not the caller's to know.
    pub(crate) fn exceeded(exceeded: &Exceeded, calendar: &Calendar) -> Self {
        let own = exceeded.subject.is_own();
        let what = match own {
            true => format!("{}{}", limit(exceeded), used(exceeded)),
            false => format!("limit of {} that its callers share", exceeded.rule.meter),
        };
        let reason = reason(exceeded);
        let mut refusal = match exceeded.until {
            Until::Renewed(at) => Self::about(
                reason,
                format_args!("{what} is used up until {}", calendar.written(at)),
            ),
            Until::Unavailable => Self::from(reason),
            Until::After(_) | Until::Never => Self::about(reason, what),
        };
        let retry_after = match exceeded.until {
            Until::After(wait) => Some(wait.max(Duration::from_millis(1))),
            Until::Renewed(at) => {
                let at = unix_time::of_millis(at).map(unix_time::since_1970);
                at.map(|at| at.saturating_sub(unix_time::now()))
            }
            Until::Unavailable => Some(RETRY_UNAVAILABLE),
            Until::Never => None,
        };
        refusal.limit = Some(Box::new(ReachedLimit {
            retry_after,
            rate_limits: exceeded.rate_limits,
        }));
        refusal
    }
}

fn reason(exceeded: &Exceeded) -> Reason {
    match (exceeded.until, exceeded.rule.meter.measure) {
        (Until::Never, _) => Reason::RequestExceedsLimit,
        (Until::Renewed(_), _) => Reason::QuotaExceeded,
        (Until::Unavailable, _) => Reason::LimitsUnavailable,
        (_, Measure::ConcurrentRequests) => Reason::ConcurrencyLimit,
        (_, Measure::Requests) => Reason::RateLimitOfRequests,
        (_, _) => Reason::RateLimitOfTokens,
    }
}

fn limit(exceeded: &Exceeded) -> String {
    let rule = &exceeded.rule;
    format!(
        "{} limit of {} {}",
        owner(exceeded),
        amount(exceeded, rule.most),
        rule.meter
    )
}

fn used(exceeded: &Exceeded) -> String {
    let used = amount(exceeded, exceeded.used);
    match exceeded.rule.meter.measure {
        Measure::Requests | Measure::ConcurrentRequests => String::new(),
        _ => format!(
            " ({used} used, and this request may use {})",
            amount(exceeded, exceeded.amount)
        ),
    }
}

fn owner(exceeded: &Exceeded) -> &'static str {
    match exceeded.subject {
        crate::limits::Subject::User { .. } => "user's",
        _ => "client's",
    }
}

fn amount(exceeded: &Exceeded, amount: u64) -> String {
    match exceeded.rule.meter.measure {
        Measure::Cost => Amount::from_unsigned_nanos(amount).to_string(),
        _ => amount.to_string(),
    }
}
