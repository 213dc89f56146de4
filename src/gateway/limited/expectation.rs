//! What a request may use: its prompt, and the answer that it allows or that its likes have had.

use std::sync::Arc;
use std::time::SystemTime;

use super::kept::Basis;
use super::lines::Asking;
use crate::access::{Deployment, Operation};
use crate::limits::{Amounts, Limits, Line, Measure, Rule};
use crate::policy::Policy;
use crate::usage::{Prompt, Quantities, Served};

/// Text has no fewer tokens than one for so many bytes.
const MAX_BYTES_PER_TOKEN: u64 = 8;

/// What a request uses of which nothing but itself counts.
pub(super) const ONE_REQUEST: Amounts = Amounts {
    requests: 1,
    input: 0,
    output: 0,
    cost: 0,
};

/// What an expectation is made from.
pub(super) struct Expecting<'a> {
    pub(super) asking: &'a Asking<'a>,
    pub(super) operation: Operation,
    /// When it came: prices change.
    pub(super) at: SystemTime,
    pub(super) size: Size<'a>,
}

/// What decides how much a body may use.
#[derive(Clone, Copy)]
pub(super) struct Size<'a> {
    pub(super) text: Text<'a>,
    pub(super) choices: u64,
    pub(super) output_at_most: Option<u64>,
    pub(super) service_tier: Option<&'a str>,
    pub(super) is_batch: bool,
}

/// The text of a prompt, or how long it is.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    /// In this body.
    Of(&'a [u8]),
    /// So long.
    Bytes(u64),
}

impl Text<'_> {
    /// How long it is, and whether that is all of the body.
    fn bytes(self) -> (u64, bool) {
        match self {
            Self::Of(body) => {
                let text = Prompt::text_bytes(body);
                let bytes = u64::try_from(text).unwrap_or(u64::MAX);
                (bytes, text == body.len())
            }
            Self::Bytes(bytes) => (bytes, true),
        }
    }
}

/// What it may use: its prompt, and the answer that it allows or that its likes have had.
pub(super) fn expect(
    limits: &Limits,
    policy: &Policy,
    lines: &[Line],
    expecting: &Expecting<'_>,
) -> (Amounts, Basis) {
    let Expecting { asking, size, .. } = expecting;
    let mut amounts = ONE_REQUEST;
    if size.is_batch {
        // What it will use nobody knows; it is begun as long as something is left.
        (amounts.input, amounts.cost) = (1, 1);
        return (amounts, Basis::default());
    }
    let deployment = asking.deployment.map(Deployment::to_shared);
    let (Some(deployment), true) = (deployment, lines.iter().any(needs_tokens)) else {
        return (amounts, Basis::default());
    };
    let client = asking.client.id.to_shared();
    let (bytes, is_all_text) = size.text.bytes();
    let basis = Basis {
        // Images and recordings have tokens that are not in the text.
        bytes: if is_all_text { bytes } else { 0 },
        choices: size.choices,
    };
    let likely = limits.expected(&client, &deployment);
    amounts.input = likely.input(bytes);
    amounts.output = match size.output_at_most {
        Some(most) => most,
        None if expecting.operation.answers_with_text() => {
            likely.output.saturating_mul(size.choices.max(1))
        }
        None => 0,
    };
    // A figure that nobody has said keeps nobody from a limit that is smaller: it waits until all is there.
    let said = size.output_at_most.unwrap_or(0);
    let room = |has: &[Measure], other: u64| {
        let most = lines.iter().filter_map(|line| least(line, has)).min();
        most.map_or(u64::MAX, |most| most.saturating_sub(other))
    };
    let most_input = room(&[Measure::InputTokens], 0).min(room(&[Measure::TotalTokens], said));
    amounts.input = amounts
        .input
        .min(most_input.max(bytes / MAX_BYTES_PER_TOKEN));
    if size.output_at_most.is_none() {
        let of_all = room(&[Measure::TotalTokens], amounts.input);
        amounts.output = amounts
            .output
            .min(of_all)
            .min(room(&[Measure::OutputTokens], 0));
    }
    // The price may be the model's, which only the answer names: then what its likes have cost. Where nothing
    // is known of that, it must at least not be over.
    let cost = cost(policy, &deployment, expecting, &amounts);
    let cost = cost.unwrap_or_else(|| likely.cost.min(room(&[Measure::Cost], 0)));
    amounts.cost = cost.max(1);
    (amounts, basis)
}

fn needs_tokens(line: &Line) -> bool {
    let needs = |rule: &Rule| {
        let measure = rule.meter.measure;
        measure.is_tokens() || measure == Measure::Cost
    };
    line.rules.iter().any(needs)
}

/// The smallest limit of these measures.
fn least(line: &Line, of: &[Measure]) -> Option<u64> {
    let counts = |rule: &&Rule| of.contains(&rule.meter.measure);
    let most = |rule: &Rule| rule.most_of(line.percent);
    line.rules.iter().filter(counts).map(most).min()
}

fn cost(
    policy: &Policy,
    deployment: &Arc<str>,
    expecting: &Expecting<'_>,
    amounts: &Amounts,
) -> Option<u64> {
    let quantities = Quantities {
        input: amounts.input,
        output: amounts.output,
        ..Quantities::default()
    };
    // Which backend answers is known later: the dearest of those that may.
    let members = policy.pools.of(Some(deployment)).members().iter();
    let costs = members.filter_map(|member| {
        let price = policy.prices.find(&Served {
            model: None,
            deployment: Some(deployment),
            backend: &member.backend.name,
            service_tier: expecting.size.service_tier,
            at: expecting.at,
        });
        u64::try_from(price?.cost(&quantities)?.nanos()).ok()
    });
    costs.max()
}
