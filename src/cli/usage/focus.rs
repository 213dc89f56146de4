//! Usage as the FinOps Open Cost and Usage Specification wants it, version 1.2
//! (<https://focus.finops.org/focus-specification/v1-2/>): one line for each day and group.
//!
//! All columns that are mandatory there, those conditional ones that apply, and our own behind `x_`,
//! as its section on custom columns says. The charge is the one that clients are charged: it is billed,
//! effective, list and contracted cost at once, because no discount is known here.

use serde_json::{Map, Value};
use time::{Date, Duration, Month, OffsetDateTime};

use crate::usage::Amount;
use crate::usage::{Dimension, Sum};

/// What the lines are grouped by.
pub(super) const DIMENSIONS: [Dimension; 10] = [
    Dimension::Client,
    Dimension::Labels,
    Dimension::Product,
    Dimension::Operation,
    Dimension::Deployment,
    Dimension::Model,
    Dimension::Backend,
    Dimension::Region,
    Dimension::Source,
    Dimension::User,
];

pub(super) const HEADER: [&str; 37] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_Model",
    "x_Operation",
    "x_Requests",
    "x_UsageSource",
    "x_User",
];

/// The line of a sum by day and [`DIMENSIONS`]; `None` where nothing was used, or it has no price and
/// so no currency.
pub(super) fn line(sum: &Sum, account: &str) -> Option<Vec<String>> {
    let (quantity, unit) = quantity(sum)?;
    if sum.currency.is_empty() {
        return None;
    }
    let charge = charge(sum, account, &quantity, unit)?;
    Some([charge, consumption(sum)?].concat())
}

/// What is charged, for which time: the columns up to `PublisherName`.
fn charge(sum: &Sum, account: &str, quantity: &str, unit: &str) -> Option<Vec<String>> {
    let day = OffsetDateTime::UNIX_EPOCH
        .date()
        .checked_add(Duration::days(sum.day))?;
    let first = day.replace_day(1).ok()?;
    let cost = Amount::from_nanos(sum.cost_nanos).to_string();
    let [_, _, _, operation, deployment, ..] = sum.keys.as_slice() else {
        return None;
    };
    let description = format!("{operation} on {deployment}");
    let (month_end, month_start) = (midnight(next_month(first)?), midnight(first));
    let (day_end, day_start) = (midnight(day.next_day()?), midnight(day));
    let values = [
        cost.as_str(),
        account,
        account,
        sum.currency.as_str(),
        month_end.as_str(),
        month_start.as_str(),
        "Usage",
        "",
        description.as_str(),
        "Usage-Based",
        day_end.as_str(),
        day_start.as_str(),
        quantity,
        unit,
        cost.as_str(),
        cost.as_str(),
        "Microsoft",
        cost.as_str(),
        "Standard",
        quantity,
        unit,
        "Microsoft",
        "Microsoft",
    ];
    Some(values.map(str::to_owned).into())
}

/// Who used what, and where: the columns after that.
fn consumption(sum: &Sum) -> Option<Vec<String>> {
    let [
        client,
        labels,
        product,
        operation,
        deployment,
        model,
        backend,
        region,
        source,
        user,
    ] = sum.keys.as_slice()
    else {
        return None;
    };
    let region = region.to_ascii_lowercase().replace(' ', "");
    Some(vec![
        region.clone(),
        region,
        format!("{backend}/{deployment}"),
        "AI and Machine Learning".to_owned(),
        "Azure OpenAI".to_owned(),
        sum.price.clone(),
        client.clone(),
        client.clone(),
        tags(labels, product),
        model.clone(),
        operation.clone(),
        sum.requests.to_string(),
        source.clone(),
        user.clone(),
    ])
}

/// What was used most of all kinds that have a unit.
fn quantity(sum: &Sum) -> Option<(String, &'static str)> {
    let seconds = format!("{}.{:03}", sum.audio_ms / 1000, sum.audio_ms % 1000);
    [
        (sum.total_tokens, sum.total_tokens.to_string(), "Tokens"),
        (sum.images, sum.images.to_string(), "Images"),
        (sum.audio_ms, seconds, "Seconds"),
        (sum.characters, sum.characters.to_string(), "Characters"),
    ]
    .into_iter()
    .find(|(count, ..)| *count > 0)
    .map(|(_, text, unit)| (text, unit))
}

/// The labels and the product: a JSON object, as FOCUS' key-value format wants it.
fn tags(labels: &str, product: &str) -> String {
    let mut tags: Map<String, Value> = serde_json::from_str(labels).unwrap_or_default();
    if !product.is_empty() {
        tags.insert("tollgate/product".to_owned(), product.into());
    }
    Value::Object(tags).to_string()
}

fn next_month(first: Date) -> Option<Date> {
    let (year, month) = match first.month() {
        Month::December => (first.year() + 1, Month::January),
        month => (first.year(), month.next()),
    };
    Date::from_calendar_date(year, month, 1).ok()
}

fn midnight(date: Date) -> String {
    format!("{date}T00:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum() -> Sum {
        let keys = [
            "app",
            r#"{"team":"search"}"#,
            "standard",
            "chat.completions",
            "gpt-4o",
            "gpt-4o-2024-08-06",
            "sweden",
            "Sweden Central",
            "reported",
            "ann",
        ];
        Sum {
            keys: keys.map(str::to_owned).to_vec(),
            day: 20_818,
            price: "gpt-4o@2026-01-01".to_owned(),
            currency: "USD".to_owned(),
            requests: 3,
            total_tokens: 1500,
            cost_nanos: 12_500_000,
            ..Sum::default()
        }
    }

    #[test]
    fn a_line_has_a_value_for_each_column_that_must_have_one() {
        let line = line(&sum(), "acme").expect("a line");
        assert_eq!(line.len(), HEADER.len());
        let value = |name: &str| {
            let at = HEADER.iter().position(|it| *it == name).expect("a column");
            line[at].as_str()
        };
        for (name, expected) in [
            ("BilledCost", "0.0125"),
            ("ChargePeriodStart", "2026-12-31T00:00:00Z"),
            ("ChargePeriodEnd", "2027-01-01T00:00:00Z"),
            ("BillingPeriodStart", "2026-12-01T00:00:00Z"),
            ("BillingPeriodEnd", "2027-01-01T00:00:00Z"),
            ("ConsumedQuantity", "1500"),
            ("ConsumedUnit", "Tokens"),
            ("RegionId", "swedencentral"),
            ("Tags", r#"{"team":"search","tollgate/product":"standard"}"#),
            ("SubAccountId", "app"),
        ] {
            assert_eq!(value(name), expected, "{name}");
        }
        let empty: Vec<_> = HEADER
            .iter()
            .filter(|name| value(name).is_empty())
            .collect();
        assert_eq!(
            empty,
            [&"ChargeClass"],
            "only what must be null for a usage charge"
        );
    }

    #[test]
    fn columns_are_unique_and_ours_are_marked() {
        let names: std::collections::BTreeSet<_> = HEADER.iter().collect();
        assert_eq!(names.len(), HEADER.len());
    }

    #[test]
    fn what_used_nothing_or_has_no_price_is_no_line() {
        assert_eq!(
            line(
                &Sum {
                    total_tokens: 0,
                    ..sum()
                },
                "acme"
            ),
            None
        );
        assert_eq!(
            line(
                &Sum {
                    currency: String::new(),
                    ..sum()
                },
                "acme"
            ),
            None
        );
        let audio = Sum {
            total_tokens: 0,
            audio_ms: 1500,
            ..sum()
        };
        assert!(
            line(&audio, "acme")
                .expect("a line")
                .contains(&"1.500".to_owned())
        );
    }
}
