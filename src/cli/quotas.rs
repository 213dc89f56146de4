//! Quotas over a restart: what was used of the present periods is in the ledger.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::gateway::{UsedBy, lines_of};
use crate::limits::{Amounts, Limits, Span};
use crate::policy::Policy;
use crate::usage::{UsageStore, Used};

/// Puts what was used before into the quotas.
///
/// # Errors
/// The ledger's, as text.
pub(super) async fn restore(
    limits: &Limits,
    policy: &Policy,
    store: &UsageStore,
) -> Result<(), String> {
    let mut read: BTreeMap<i64, Vec<Used>> = BTreeMap::new();
    for period in policy.quotas() {
        let now = limits.now().unix_ms;
        let from = policy.limits.calendar.period(period, now).start;
        let used = match read.entry(from) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unread) => {
                let used = store.used_since(from).await;
                unread.insert(used.map_err(|error| format!("the usage ledger: {error}"))?)
            }
        };
        for used in used {
            put(limits, policy, Span::Period(period), used);
        }
    }
    Ok(())
}

fn put(limits: &Limits, policy: &Policy, span: Span, used: &Used) {
    let name = |text: &str| Some(Arc::<str>::from(text)).filter(|name| !name.is_empty());
    let by = UsedBy {
        client: used.client.as_str().into(),
        product: name(&used.product),
        deployment: name(&used.deployment),
        user: name(&used.end_user),
    };
    let positive = |number: i64| u64::try_from(number).unwrap_or(0);
    let amounts = Amounts {
        requests: positive(used.requests),
        input: positive(used.input_tokens),
        output: positive(used.output_tokens),
        cost: positive(used.cost_nanos),
    };
    for line in lines_of(policy, &by) {
        for rule in line.rules.iter().filter(|rule| rule.meter.span == span) {
            let used = amounts.of(rule.meter.measure);
            limits.seed(&line.subject, *rule, used, &policy.limits);
        }
    }
}
