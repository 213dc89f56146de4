//! What a request has used, in place of what was set aside for it.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use super::expectation::ONE_REQUEST;
use super::kept::Limited;
use super::lines::{UsedBy, lines_of};
use crate::limits::{Amounts, Limits, Seen};
use crate::policy::Policy;
use crate::usage::{NoneReason, UsageRecord, UsageSource};

/// Responses in the background for which something is set aside.
const MAX_HELD: usize = 100_000;
/// No response takes longer.
const MAX_HELD_FOR: Duration = Duration::from_secs(24 * 3600);

/// What is to be settled when a request ends.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    pub(in crate::gateway) limited: Option<Limited>,
    /// The request was about something that was made before.
    pub(in crate::gateway) is_stored: bool,
}

/// What stays set aside for responses in the background, by their ids, until their usage is known.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Held(DashMap<Arc<str>, HeldOne>);

#[derive(Debug)]
struct HeldOne {
    limited: Limited,
    since: Instant,
}

impl Held {
    /// Keeps what was set aside for a response that goes on. Its request is no more under way.
    fn keep(&self, response: &Arc<str>, mut limited: Limited) {
        if self.0.len() >= MAX_HELD {
            // It is charged in full when its usage is known.
            return limited.reservation.settle(ONE_REQUEST);
        }
        limited.reservation.ended();
        let since = Instant::now();
        self.0
            .insert(Arc::clone(response), HeldOne { limited, since });
    }

    fn take(&self, record: &UsageRecord) -> Option<Limited> {
        let (_, held) = self.0.remove(record.response_id.as_ref()?)?;
        Some(held.limited)
    }

    /// Lets go of those that nobody will ever ask for: what was set aside for them counts as used.
    pub(in crate::gateway) fn sweep(&self) {
        self.0.retain(|_, held| held.since.elapsed() < MAX_HELD_FOR);
    }
}

/// Counts what a request has used in place of what was set aside, and learns from it.
pub(in crate::gateway) fn settle_limits(
    limits: &Limits,
    held: &Held,
    policy: &Policy,
    settling: Settling,
    record: &UsageRecord,
) {
    let Settling { limited, is_stored } = settling;
    let goes_on = matches!(record.source, UsageSource::None(NoneReason::Background));
    match (limited, &record.response_id) {
        (Some(limited), Some(response)) if goes_on => held.keep(response, limited),
        // Somebody has looked at a response of before: its usage belongs to what was set aside then.
        (limited, _) if is_stored && record.tokens.total > 0 => {
            settle_later(limits, held, policy, record);
            if let Some(limited) = limited {
                limited.reservation.settle(ONE_REQUEST);
            }
        }
        (Some(limited), _) => settle(limits, limited, record),
        (None, _) => {}
    }
}

/// Counts what was used by work that went on without its request. It is not of this minute: without a
/// reservation, quotas count it and limits by the minute do not.
pub(in crate::gateway) fn settle_later(
    limits: &Limits,
    held: &Held,
    policy: &Policy,
    record: &UsageRecord,
) {
    if let Some(limited) = held.take(record) {
        return settle(limits, limited, record);
    }
    let by = UsedBy {
        client: Arc::clone(&record.client),
        product: record.product.clone(),
        deployment: record.deployment.clone(),
        user: record.user.clone(),
    };
    let used = Amounts {
        requests: 0,
        ..used(record)
    };
    limits.charge(&lines_of(policy, &by), used, &policy.limits);
}

fn settle(limits: &Limits, limited: Limited, record: &UsageRecord) {
    let Limited { reservation, basis } = limited;
    if let (UsageSource::Reported, Some(deployment), true) =
        (record.source, &record.deployment, basis.bytes > 0)
    {
        let output = record.tokens.output;
        let seen = Seen {
            bytes: basis.bytes,
            input: record.tokens.input,
            output_each: output.checked_div(basis.choices).unwrap_or(output),
            cost: used(record).cost,
        };
        let client = Arc::clone(&record.client);
        limits.learn(client, Arc::clone(deployment), seen);
    }
    reservation.settle(used(record));
}

fn used(record: &UsageRecord) -> Amounts {
    let cost = record.cost.as_ref().and_then(|cost| cost.amount);
    Amounts {
        requests: 1,
        input: record.tokens.input,
        output: record.tokens.output,
        cost: cost.map_or(0, |cost| u64::try_from(cost.nanos()).unwrap_or(0)),
    }
}
