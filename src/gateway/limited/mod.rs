//! A request and its limits: which it must pass, what it may use, and what it has used.

mod expectation;
mod kept;
mod lines;
mod settlement;

use std::sync::Arc;
use std::time::SystemTime;

use super::body::{BodyDecision, GoesOn};
use super::decide::Decision;
use crate::access::{Client, Deployment, Operation, ProductId};
use crate::control::Intent;
use crate::limits::{Amounts, Demand, Exceeded, LimitSettings, Limits, Line};
use crate::policy::Policy;
use expectation::{Expecting, ONE_REQUEST, Size, Text, expect};
use lines::{Asking, product_of};

pub(crate) use kept::{Basis, Limited};
pub(crate) use lines::{UsedBy, lines_of};
pub(crate) use settlement::Settling;
pub(super) use settlement::{Held, settle_later, settle_limits};

/// What a request wants to set aside.
pub(super) struct Wanted {
    pub(super) demand: Demand,
    pub(super) settings: Arc<LimitSettings>,
    /// What is kept to learn from its answer.
    pub(super) basis: Basis,
}

/// Refuses a request before its body is there, where a limit that does not depend on it is reached. One
/// that may wait is not refused here.
///
/// # Errors
/// The limit.
pub(super) fn check_limits(
    limits: &Limits,
    policy: &Policy,
    decision: &Decision,
) -> Result<(), Box<Exceeded>> {
    let client = &decision.caller.client;
    let mut products = client.products.iter();
    if products.any(|product| product.limits.queueing.is_some()) {
        return Ok(());
    }
    let lines = Asking::of_headers(decision).lines(&policy.limits);
    match lines.is_empty() {
        true => Ok(()),
        false => limits.check(&lines, &policy.limits),
    }
}

/// What a request without a body wants to set aside; none where it has no limits.
pub(super) fn wants_request(policy: &Policy, decision: &Decision) -> Option<Wanted> {
    let asking = Asking::of_headers(decision);
    wanted(policy, &asking, |_| (ONE_REQUEST, Basis::default()))
}

/// What a request with a body wants to set aside; none where it has no limits.
pub(super) fn wants(
    limits: &Limits,
    policy: &Policy,
    decision: &Decision,
    (asked, body): (&BodyDecision, &[u8]),
) -> Option<Wanted> {
    let asking = Asking::of_body(decision, asked);
    let expecting = Expecting {
        asking: &asking,
        operation: decision.target.endpoint.operation(),
        at: decision.started,
        size: Size {
            text: Text::Of(body),
            choices: asked.choices,
            output_at_most: asked.output_at_most,
            service_tier: asked.service_tier.as_deref(),
            is_batch: matches!(asked.goes_on, Some(GoesOn::Batch(_))),
        },
    };
    wanted(policy, &asking, |lines| {
        expect(limits, policy, lines, &expecting)
    })
}

/// What a request that is only described wants to set aside; none where it has no limits.
pub(super) fn wants_of(
    limits: &Limits,
    policy: &Policy,
    client: &Client,
    intent: &Intent,
) -> Option<Wanted> {
    let product = intent.product.as_ref();
    let product = product.map(|id| ProductId::new(Arc::clone(id)));
    let deployment = intent.deployment.as_deref().and_then(Deployment::parse);
    let asking = Asking {
        client,
        product: product_of(client, product.as_ref()),
        deployment: deployment.as_ref(),
        user: intent.user.as_ref(),
    };
    let Some(body) = &intent.body else {
        return wanted(policy, &asking, |_| (ONE_REQUEST, Basis::default()));
    };
    let expecting = Expecting {
        asking: &asking,
        operation: intent.operation,
        at: SystemTime::now(),
        size: Size {
            text: Text::Bytes(body.text_bytes),
            choices: body.choices,
            output_at_most: body.output_at_most,
            service_tier: body.service_tier.as_deref(),
            is_batch: intent.operation == Operation::Batches,
        },
    };
    wanted(policy, &asking, |lines| {
        expect(limits, policy, lines, &expecting)
    })
}

fn wanted(
    policy: &Policy,
    asking: &Asking<'_>,
    expect: impl FnOnce(&[Line]) -> (Amounts, Basis),
) -> Option<Wanted> {
    let lines = asking.lines(&policy.limits);
    if lines.is_empty() {
        return None;
    }
    let (amounts, basis) = expect(&lines);
    Some(Wanted {
        demand: Demand {
            lines,
            amounts,
            priority: asking.client.limits.priority,
            queueing: asking.product.and_then(|it| it.limits.queueing),
        },
        settings: Arc::clone(&policy.limits),
        basis,
    })
}
