//! A request and its limits: which it must pass, what it may use, and what it has used.

use std::sync::Arc;

use dashmap::DashMap;

use super::body::{BodyDecision, GoesOn};
use super::decide::Decision;
use crate::access::{Client, ClientId, Deployment, Operation, Product, ProductId};
use crate::control::Intent;
use crate::limits::{Amounts, Demand, Exceeded, Line, Rule, Seen, Subject};
use crate::limits::{LimitSettings, Limits, Measure, RateLimits, Reservation};
use crate::policy::Policy;
use crate::usage::{NoneReason, Prompt, Quantities, Served, UsageRecord, UsageSource};

/// Responses in the background for which something is set aside.
const MAX_HELD: usize = 100_000;
/// Text has no fewer tokens than one for so many bytes.
const MAX_BYTES_PER_TOKEN: u64 = 8;

/// What a request wants of which nothing but itself counts.
const ONE_REQUEST: Amounts = Amounts {
    requests: 1,
    input: 0,
    output: 0,
    cost: 0,
};

/// What was set aside for a request, and what it takes to learn from its answer.
#[derive(Debug)]
pub(crate) struct Limited {
    reservation: Reservation,
    basis: Basis,
}

/// What an expectation was made from.
#[derive(Clone, Copy, Debug, Default)]
struct Basis {
    /// Bytes of the prompt.
    bytes: u64,
    /// Answers that are asked for.
    choices: u64,
}

/// What a request wants to set aside.
pub(super) struct Wanted {
    pub(super) demand: Demand,
    pub(super) settings: Arc<LimitSettings>,
    basis: Basis,
}

impl Wanted {
    /// What was set aside, for the request.
    pub(super) const fn hold(basis: WantedBasis, reservation: Reservation) -> Limited {
        Limited {
            reservation,
            basis: basis.0,
        }
    }

    /// What remains of this when the rest of it has gone to be decided.
    pub(super) const fn basis(&self) -> WantedBasis {
        WantedBasis(self.basis)
    }
}

/// What an expectation was made from, for whoever waits.
#[derive(Clone, Copy)]
pub(super) struct WantedBasis(Basis);

impl Limited {
    /// The request goes out.
    pub(super) fn sent(&mut self) {
        self.reservation.sent();
    }

    /// What the caller is told of its limits.
    pub(crate) const fn rate_limits(&self) -> &RateLimits {
        self.reservation.rate_limits()
    }
}

/// Who asks for what: what decides which limits hold.
struct Asking<'a> {
    client: &'a Client,
    product: Option<&'a Arc<Product>>,
    deployment: Option<&'a Deployment>,
    user: Option<&'a Arc<str>>,
}

impl Asking<'_> {
    /// The limits that it must pass, the ones of all first: whoever comes to nobody's turn costs no client.
    fn lines(&self, settings: &LimitSettings) -> Vec<Line> {
        let mut lines = Vec::new();
        let client = self.client;
        let mut add = |subject: Subject, rules: &Arc<[Rule]>| {
            if !rules.is_empty() {
                lines.push(Line {
                    percent: settings.reserves.percent(&subject, client.limits.priority),
                    subject,
                    rules: Arc::clone(rules),
                });
            }
        };
        let id = || client.id.to_shared();
        if let Some(user) = self.user.filter(|_| !client.limits.per_user.is_empty()) {
            let subject = Subject::User {
                client: id(),
                user: Some(Arc::clone(user)),
            };
            add(subject, &client.limits.per_user);
        }
        if !client.limits.own.is_empty() {
            add(Subject::Client(id()), &client.limits.own);
        }
        if let Some(product) = self.product {
            let name = || product.id.to_shared();
            let subject = Subject::ProductClient {
                product: name(),
                client: id(),
            };
            add(subject, &product.limits.per_client);
            add(Subject::Product(name()), &product.limits.shared);
        }
        let of_deployment = self.deployment.and_then(|name| {
            let found = settings.deployments.get_key_value(name.as_str());
            found.map(|(name, rules)| (Subject::Deployment(Arc::clone(name)), rules))
        });
        if let Some((subject, rules)) = of_deployment {
            add(subject, rules);
        }
        add(Subject::Everything, &settings.everything);
        lines
    }
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
    let grant = decision.grant.as_ref();
    let asking = Asking {
        client,
        product: grant.map(|it| &it.product),
        deployment: grant.map(|it| &it.deployment),
        user: decision.caller.user.as_ref(),
    };
    let lines = asking.lines(&policy.limits);
    match lines.is_empty() {
        true => Ok(()),
        false => limits.check(&lines, &policy.limits),
    }
}

/// What a request without a body wants to set aside; none where it has no limits.
pub(super) fn wants_request(policy: &Policy, decision: &Decision) -> Option<Wanted> {
    let grant = decision.grant.as_ref();
    let asking = Asking {
        client: &decision.caller.client,
        product: grant.map(|it| &it.product),
        deployment: grant.map(|it| &it.deployment),
        user: decision.caller.user.as_ref(),
    };
    wanted(policy, &asking, |_| (ONE_REQUEST, Basis::default()))
}

/// What a request with a body wants to set aside; none where it has no limits.
pub(super) fn wants(
    limits: &Limits,
    policy: &Policy,
    decision: &Decision,
    asked: Asked<'_>,
) -> Option<Wanted> {
    let client = &decision.caller.client;
    let of_body = asked.asked;
    let user = of_body.user.as_ref().or(decision.caller.user.as_ref());
    let asking = Asking {
        client,
        product: product_of(client, of_body.product.as_ref()),
        deployment: of_body.deployment.as_ref(),
        user,
    };
    let operation = decision.target.endpoint.operation();
    wanted(policy, &asking, |lines| {
        let expecting = Expecting {
            policy,
            asking: &asking,
            operation,
            lines,
        };
        let size = Size {
            text: Text::Of(asked.body),
            choices: of_body.choices,
            output_at_most: of_body.output_at_most,
            service_tier: of_body.service_tier.as_deref(),
            is_batch: matches!(of_body.goes_on, Some(GoesOn::Batch(_))),
        };
        expect(limits, &expecting, size)
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
    wanted(policy, &asking, |lines| {
        let expecting = Expecting {
            policy,
            asking: &asking,
            operation: intent.operation,
            lines,
        };
        let size = Size {
            text: Text::Bytes(body.text_bytes),
            choices: body.choices,
            output_at_most: body.output_at_most,
            service_tier: body.service_tier.as_deref(),
            is_batch: intent.operation == Operation::Batches,
        };
        expect(limits, &expecting, size)
    })
}

/// What it may use: its prompt, and the answer that it allows or that its likes have had.
fn expect(limits: &Limits, expecting: &Expecting<'_>, size: Size<'_>) -> (Amounts, Basis) {
    let Expecting {
        policy,
        asking,
        operation,
        lines,
    } = *expecting;
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
    amounts.input = limits.expected_input(&client, &deployment, bytes);
    amounts.output = match size.output_at_most {
        Some(most) => most,
        None if operation.answers_with_text() => {
            let each = limits.expected_output(&client, &deployment);
            each.saturating_mul(size.choices.max(1))
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
    let price = cost(policy, &deployment, size.service_tier, &amounts);
    let likely = price.unwrap_or_else(|| {
        let expected = limits.expected_cost(&client, &deployment);
        expected.min(room(&[Measure::Cost], 0))
    });
    amounts.cost = likely.max(1);
    (amounts, basis)
}

/// What is to be settled when a request ends.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    pub(super) limited: Option<Limited>,
    /// The request was about something that was made before.
    pub(super) is_stored: bool,
}

/// What stays set aside for responses in the background, by their ids, until their usage is known.
#[derive(Debug, Default)]
pub(super) struct Held(DashMap<Arc<str>, Limited>);

impl Held {
    /// Keeps what was set aside for a response that goes on. Its request is no more under way.
    fn keep(&self, response: &Arc<str>, mut limited: Limited) {
        if self.0.len() < MAX_HELD {
            limited.reservation.ended();
            self.0.insert(Arc::clone(response), limited);
        }
    }

    fn take(&self, record: &UsageRecord) -> Option<Limited> {
        let (_, limited) = self.0.remove(record.response_id.as_ref()?)?;
        Some(limited)
    }
}

/// Counts what a request has used in place of what was set aside, and learns from it.
pub(super) fn settle_limits(
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
                limited.reservation.settle(Amounts {
                    requests: 1,
                    ..Amounts::default()
                });
            }
        }
        (Some(limited), _) => settle(limits, limited, record),
        (None, _) => {}
    }
}

/// Counts what was used by work that went on without its request. It is not of this minute: without a
/// reservation, quotas count it and limits by the minute do not.
pub(super) fn settle_later(limits: &Limits, held: &Held, policy: &Policy, record: &UsageRecord) {
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

/// By whom something was used, and through what.
pub(crate) struct UsedBy {
    pub(crate) client: Arc<str>,
    pub(crate) product: Option<Arc<str>>,
    pub(crate) deployment: Option<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
}

/// The limits that it counts for.
pub(crate) fn lines_of(policy: &Policy, by: &UsedBy) -> Vec<Line> {
    let client = ClientId::new(Arc::clone(&by.client));
    let Some(client) = policy.clients.get(&client) else {
        return Vec::new();
    };
    let product = by.product.as_ref().map(|id| ProductId::new(Arc::clone(id)));
    let deployment = by.deployment.as_deref().and_then(Deployment::parse);
    let asking = Asking {
        client,
        product: product_of(client, product.as_ref()),
        deployment: deployment.as_ref(),
        user: by.user.as_ref(),
    };
    asking.lines(&policy.limits)
}

/// A body, and what it asks for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) asked: &'a BodyDecision,
    pub(super) body: &'a [u8],
}

/// What decides how much a body may use.
#[derive(Clone, Copy)]
struct Size<'a> {
    text: Text<'a>,
    choices: u64,
    output_at_most: Option<u64>,
    service_tier: Option<&'a str>,
    is_batch: bool,
}

/// The text of a prompt, or how long it is.
#[derive(Clone, Copy)]
enum Text<'a> {
    /// In this body.
    Of(&'a [u8]),
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

/// What an expectation is for.
#[derive(Clone, Copy)]
struct Expecting<'a> {
    policy: &'a Policy,
    asking: &'a Asking<'a>,
    operation: Operation,
    lines: &'a [Line],
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

fn product_of<'a>(client: &'a Client, id: Option<&ProductId>) -> Option<&'a Arc<Product>> {
    let id = id?;
    client.products.iter().find(|product| product.id == *id)
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
    service_tier: Option<&str>,
    amounts: &Amounts,
) -> Option<u64> {
    let price = policy.prices.find(&Served {
        model: None,
        deployment: Some(deployment),
        backend: &policy.backend,
        service_tier,
        at: std::time::SystemTime::now(),
    });
    let quantities = Quantities {
        input: amounts.input,
        output: amounts.output,
        ..Quantities::default()
    };
    let cost = price.and_then(|price| price.cost(&quantities));
    cost.and_then(|cost| u64::try_from(cost.nanos()).ok())
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
