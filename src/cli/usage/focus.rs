//! Usage as the FinOps Open Cost and Usage Specification wants it, version 1.2
//! (<https://focus.finops.org/focus-specification/v1-2/>): one line for each day and group.
//!
//! All columns that are mandatory there, those conditional ones that apply, and our own behind `x_`,
//! as its section on custom columns says. The charge is the one that clients are charged: it is billed,
//! effective, list and contracted cost at once, because no discount is known here.

use std::io::Write;

use serde::Serialize;
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

/// A line of the file: the columns and their order.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Line<'a> {
    billed_cost: String,
    billing_account_id: &'a str,
    billing_account_name: &'a str,
    billing_currency: &'a str,
    billing_period_end: String,
    billing_period_start: String,
    charge_category: &'static str,
    charge_class: &'static str,
    charge_description: String,
    charge_frequency: &'static str,
    charge_period_end: String,
    charge_period_start: String,
    consumed_quantity: String,
    consumed_unit: &'static str,
    contracted_cost: String,
    effective_cost: String,
    invoice_issuer_name: &'static str,
    list_cost: String,
    pricing_category: &'static str,
    pricing_quantity: String,
    pricing_unit: &'static str,
    provider_name: &'static str,
    publisher_name: &'static str,
    region_id: String,
    region_name: String,
    resource_id: String,
    service_category: &'static str,
    service_name: &'static str,
    sku_id: &'a str,
    sub_account_id: &'a str,
    sub_account_name: &'a str,
    tags: String,
    #[serde(rename = "x_Model")]
    model: &'a str,
    #[serde(rename = "x_Operation")]
    operation: &'a str,
    #[serde(rename = "x_Requests")]
    requests: i64,
    #[serde(rename = "x_UsageSource")]
    source: &'a str,
    #[serde(rename = "x_User")]
    user: &'a str,
}

impl<'a> Line<'a> {
    /// The line of a sum by day and [`DIMENSIONS`]; `None` where nothing was used, or it has no price
    /// and so no currency.
    pub(super) fn of(sum: &'a Sum, account: &'a str) -> Option<Self> {
        let (quantity, unit) = quantity(sum)?;
        let cost = cost(sum)?;
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
        let day = date(sum.day)?;
        let first = day.replace_day(1).ok()?;
        let region = region.to_ascii_lowercase().replace(' ', "");
        Some(Self {
            billed_cost: cost.clone(),
            billing_account_id: account,
            billing_account_name: account,
            billing_currency: &sum.currency,
            billing_period_end: midnight(next_month(first)?),
            billing_period_start: midnight(first),
            charge_category: "Usage",
            // Null for what is not a correction.
            charge_class: "",
            charge_description: format!("{operation} on {deployment}"),
            charge_frequency: "Usage-Based",
            charge_period_end: midnight(day.next_day()?),
            charge_period_start: midnight(day),
            consumed_quantity: quantity.clone(),
            consumed_unit: unit,
            contracted_cost: cost.clone(),
            effective_cost: cost.clone(),
            invoice_issuer_name: "Microsoft",
            list_cost: cost,
            pricing_category: "Standard",
            pricing_quantity: quantity,
            pricing_unit: unit,
            provider_name: "Microsoft",
            publisher_name: "Microsoft",
            region_id: region.clone(),
            region_name: region,
            resource_id: format!("{backend}/{deployment}"),
            service_category: "AI and Machine Learning",
            service_name: "Azure OpenAI",
            sku_id: &sum.price,
            sub_account_id: client,
            sub_account_name: client,
            tags: tags(labels, product),
            model,
            operation,
            requests: sum.requests,
            source,
            user,
        })
    }
}

/// Writes the file. Without lines it is the header, which `csv` by itself writes with the first line.
pub(super) fn write<'a>(
    to: impl Write,
    lines: impl IntoIterator<Item = Line<'a>>,
) -> Result<(), csv::Error> {
    let mut file = csv::WriterBuilder::new().has_headers(false).from_writer(to);
    file.write_record(&header()?)?;
    for line in lines {
        file.serialize(line)?;
    }
    Ok(file.flush()?)
}

/// The names of the columns.
fn header() -> Result<csv::StringRecord, csv::Error> {
    let mut file = csv::Writer::from_writer(Vec::new());
    file.serialize(Line::default())?;
    let file = file.into_inner().map_err(|error| error.into_error())?;
    csv::Reader::from_reader(file.as_slice()).headers().cloned()
}

/// What is charged; `None` where there is no price.
fn cost(sum: &Sum) -> Option<String> {
    let cost = Amount::from_nanos(sum.cost_nanos);
    (!sum.currency.is_empty()).then(|| cost.to_string())
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

/// The date of a day since 1970.
fn date(day: i64) -> Option<Date> {
    let first = OffsetDateTime::UNIX_EPOCH.date();
    first.checked_add(Duration::days(day))
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

    fn written(lines: Vec<Line<'_>>) -> String {
        let mut file = Vec::new();
        write(&mut file, lines).expect("memory");
        String::from_utf8(file).expect("text")
    }

    /// Every byte: what reads these files is not ours.
    const HEADER: &str = "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,\
        BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,\
        ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,\
        ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,PricingCategory,PricingQuantity,\
        PricingUnit,ProviderName,PublisherName,RegionId,RegionName,ResourceId,ServiceCategory,\
        ServiceName,SkuId,SubAccountId,SubAccountName,Tags,x_Model,x_Operation,x_Requests,\
        x_UsageSource,x_User\n";

    #[test]
    fn a_file_without_lines_is_its_header() {
        assert_eq!(written(Vec::new()), HEADER);
    }

    #[test]
    fn a_file_is_the_header_once_and_its_lines() {
        let sum = sum();
        let lines = || Line::of(&sum, "acme, inc.").expect("a line");
        let line = "0.0125,\"acme, inc.\",\"acme, inc.\",USD,2027-01-01T00:00:00Z,\
            2026-12-01T00:00:00Z,Usage,,chat.completions on gpt-4o,Usage-Based,\
            2027-01-01T00:00:00Z,2026-12-31T00:00:00Z,1500,Tokens,0.0125,0.0125,Microsoft,0.0125,\
            Standard,1500,Tokens,Microsoft,Microsoft,swedencentral,swedencentral,sweden/gpt-4o,\
            AI and Machine Learning,Azure OpenAI,gpt-4o@2026-01-01,app,app,\
            \"{\"\"team\"\":\"\"search\"\",\"\"tollgate/product\"\":\"\"standard\"\"}\",\
            gpt-4o-2024-08-06,chat.completions,3,reported,ann\n";
        let file = written(vec![lines(), lines()]);
        assert_eq!(file, format!("{HEADER}{line}{line}"));
    }

    #[test]
    fn only_what_must_be_null_for_a_usage_charge_is_empty() {
        let sum = sum();
        let file = written(vec![Line::of(&sum, "acme").expect("a line")]);
        let mut file = csv::Reader::from_reader(file.as_bytes());
        let header = file.headers().expect("a header").clone();
        let line = file.records().next().expect("a line").expect("CSV");
        let empty = header.iter().zip(&line).filter(|(_, it)| it.is_empty());
        let empty: Vec<_> = empty.map(|(name, _)| name).collect();
        assert_eq!(empty, ["ChargeClass"]);
    }

    #[test]
    fn what_used_nothing_or_has_no_price_is_no_line() {
        let nothing = Sum {
            total_tokens: 0,
            ..sum()
        };
        assert_eq!(Line::of(&nothing, "acme"), None);
        let unpriced = Sum {
            currency: String::new(),
            ..sum()
        };
        assert_eq!(Line::of(&unpriced, "acme"), None);
        let audio = Sum {
            total_tokens: 0,
            audio_ms: 1500,
            ..sum()
        };
        let line = Line::of(&audio, "acme").expect("a line");
        assert_eq!(
            (&*line.consumed_quantity, line.consumed_unit),
            ("1.500", "Seconds")
        );
    }
}
