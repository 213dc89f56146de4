//! Prices: what is written, and what it means.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::spanned::Spanned;

use super::moment;
use super::problem::Problem;
use super::problems::{Problems, unknown};
use super::written::{Price, Tier};
use crate::upstream::Backend;
use crate::usage::{self, Amount, PriceFor, PriceList, Tariff};

const AMOUNT_HELP: &str =
    "write it as on the price list, such as 2.50: no sign, no exponent, at most nine decimals";
/// Longest name of a model or a deployment.
const MAX_NAME_CHARS: usize = 64;

pub(super) fn prices(
    written: &[Spanned<Price>],
    backends: &[Arc<Backend>],
    problems: &mut Problems,
) -> PriceList {
    let mut seen = HashMap::new();
    let mut lines = Vec::new();
    for line in written {
        let Some(price) = price(line, backends, problems) else {
            continue;
        };
        let place = (price.backend.clone(), price.service_tier.clone());
        let subject = (price.of.clone(), place, price.from);
        if let Some(first) = seen.insert(subject, line.referenced) {
            let message = "duplicate price: another one is for the same and has the same `from`";
            let help = "a price applies until the next one begins: give each a `from` of its own";
            let problem = Problem::at(line.referenced, message).help(help);
            problems.push(problem.first(Some(first)));
        }
        lines.push(price);
    }
    PriceList::new(lines)
}

fn price(
    line: &Spanned<Price>,
    backends: &[Arc<Backend>],
    problems: &mut Problems,
) -> Option<usage::Price> {
    let price = &line.value;
    let of = match (&price.model, &price.deployment) {
        (Some(model), None) => PriceFor::Model(name(model, problems)?),
        (None, Some(deployment)) => PriceFor::Deployment(name(deployment, problems)?),
        _ => {
            let message =
                "a price is for a `model` or for a `deployment`: write exactly one of them";
            problems.push(Problem::at(line.referenced, message));
            return None;
        }
    };
    if let Some(backend) = &price.backend
        && !backends.iter().any(|it| *it.name == backend.value)
    {
        let known = backends.iter().map(|it| &*it.name);
        problems.push(unknown("backend", "backends", backend, known));
    }
    let from = from(price.from.as_ref(), problems)?;
    let currency = &price.currency;
    if currency.value.len() != 3 || !currency.value.bytes().all(|b| b.is_ascii_uppercase()) {
        let message = format!("`{}` is not a valid currency code", currency.value);
        problems.push(
            Problem::at(currency.referenced, message)
                .help("write an ISO 4217 code, such as USD or EUR"),
        );
    }
    let tariff = tariff(line, problems)?;
    // A deployment is often called like its model, and both can have a price.
    let subject = match &of {
        PriceFor::Model(name) => name.clone(),
        PriceFor::Deployment(name) => format!("deployment={name}"),
    };
    let since = price.from.as_ref().map(|from| format!("@{}", from.value));
    let place = price.backend.as_ref().map(|it| format!("/{}", it.value));
    let place = place.unwrap_or_default();
    let service_tier = price.service_tier.as_ref().map(|it| it.value.as_str());
    let of_tier = service_tier.map(|tier| format!(":{tier}"));
    let of_tier = of_tier.unwrap_or_default();
    Some(usage::Price {
        name: format!("{subject}{of_tier}{place}{}", since.unwrap_or_default()).into(),
        of,
        service_tier: service_tier.map(str::to_owned),
        backend: price.backend.as_ref().map(|it| it.value.clone()),
        from,
        tariff,
        currency: currency.value.as_str().into(),
    })
}

/// Paid by use or by the month, never by both.
fn tariff(line: &Spanned<Price>, problems: &mut Problems) -> Option<Tariff> {
    let price = &line.value;
    let before = problems.len();
    let mut amount = |written: &Option<Spanned<String>>| {
        let written = written.as_ref()?;
        let amount: Result<Amount, _> = written.value.parse();
        if amount.is_err() {
            let message = format!("`{}` is not a valid amount", written.value);
            problems.push(Problem::at(written.referenced, message).help(AMOUNT_HELP));
        }
        amount.ok()
    };
    let monthly = amount(&price.monthly);
    let prices = usage::Prices {
        input: amount(&price.input),
        cached_input: amount(&price.cached_input),
        output: amount(&price.output),
        audio_input: amount(&price.audio_input),
        audio_output: amount(&price.audio_output),
        image_input: amount(&price.image_input),
        image: amount(&price.image),
        second: amount(&price.second),
        character: amount(&price.character),
    };
    if problems.len() > before {
        return None;
    }
    let is_by_use = prices != usage::Prices::default();
    let mut wrong = |message: &str, help: &str| {
        problems.push(Problem::at(line.referenced, message).help(help));
        None
    };
    if price.tier == Tier::Ptu && price.service_tier.is_some() {
        return wrong(
            "`tier: ptu` has no `service_tier`",
            "provisioned throughput costs the same whatever answers",
        );
    }
    match (price.tier, monthly, is_by_use, &price.per) {
        (Tier::Ptu, Some(monthly), false, None) => Some(Tariff::Monthly(monthly)),
        (Tier::Ptu, ..) => wrong(
            "`tier: ptu` takes a `monthly` amount and nothing else",
            "provisioned throughput costs the same whatever is used; reports share it by use",
        ),
        (Tier::Paygo, None, true, Some(per)) if per.value > 0 => Some(Tariff::PerUse {
            prices: Box::new(prices),
            per: per.value,
        }),
        (Tier::Paygo, Some(_), ..) => wrong(
            "`monthly` needs `tier: ptu`",
            "pay-as-you-go is priced by use: `input`, `output`, …",
        ),
        (Tier::Paygo, _, false, _) => wrong(
            "this price has no amount",
            "write what it costs: `input`, `cached_input`, `output`, `audio_input`, `audio_output`, `image_input`, `image`, `second` or `character`",
        ),
        (Tier::Paygo, _, true, _) => wrong(
            "`per` must say how many tokens, images, seconds or characters an amount is for",
            "most price lists are per million tokens: `per: 1000000`",
        ),
    }
}

fn name(written: &Spanned<String>, problems: &mut Problems) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let text = &written.value;
    let is_name = !text.is_empty() && text.len() <= MAX_NAME_CHARS && text.chars().all(plain);
    if !is_name {
        let message = format!("`{text}` is not a valid model or deployment name");
        let help = "use letters, digits, `-`, `_` and `.`, at most 64 characters";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    is_name.then(|| text.clone())
}

/// A price without a date has always applied.
fn from(written: Option<&Spanned<String>>, problems: &mut Problems) -> Option<SystemTime> {
    let Some(written) = written else {
        return Some(SystemTime::UNIX_EPOCH);
    };
    let moment = moment::parse(&written.value);
    if moment.is_none() {
        let message = format!("`{}` is not a valid date or time", written.value);
        let help = "write a date such as 2027-01-01 (midnight UTC), or a time such as 2027-01-01T12:00:00Z";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    moment
}

#[cfg(test)]
mod tests;
