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

use super::csv_file;
use crate::usage::{Dimension, Sum};

/// The version that the lines conform to.
const VERSION: &str = "1.2";
/// Places of a cost: billionths.
const COST_DECIMALS: u32 = 9;
/// Places of the price of a unit.
const PRICE_DECIMALS: u32 = 21;

/// What the lines are grouped by.
pub(super) const DIMENSIONS: [Dimension; 11] = [
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
    Dimension::Key,
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
    contracted_unit_price: String,
    effective_cost: String,
    invoice_issuer_name: &'static str,
    list_cost: String,
    list_unit_price: String,
    pricing_category: &'static str,
    pricing_quantity: String,
    pricing_unit: &'static str,
    provider_name: &'static str,
    publisher_name: &'static str,
    region_id: String,
    region_name: String,
    resource_id: String,
    resource_name: &'a str,
    resource_type: &'static str,
    service_category: &'static str,
    service_name: &'static str,
    service_subcategory: &'static str,
    sku_id: &'a str,
    sku_meter: &'static str,
    sku_price_details: String,
    sku_price_id: &'a str,
    sub_account_id: &'a str,
    sub_account_name: &'a str,
    tags: String,
    #[serde(rename = "x_FocusVersion")]
    version: &'static str,
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
    #[expect(clippy::too_many_lines, reason = "one line for each column")]
    pub(super) fn of(sum: &'a Sum, account: &'a str) -> Option<Self> {
        let used = quantity(sum)?;
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
            key,
        ] = sum.keys.as_slice()
        else {
            return None;
        };
        let day = date(sum.day)?;
        let first = day.replace_day(1).ok()?;
        let region = region.to_ascii_lowercase().replace(' ', "");
        let unit_price = unit_price(sum.cost_nanos, used.thousandths)?;
        let quantity = decimal(i128::from(used.thousandths), 3);
        let (sku_id, sku_price_id) = sku(&sum.price);
        let (resource_id, resource_name, resource_type) = match deployment.as_str() {
            "" => (backend.clone(), backend.as_str(), "Account"),
            name => (format!("{backend}/{name}"), name, "Model deployment"),
        };
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
            consumed_unit: used.unit,
            contracted_cost: cost.clone(),
            contracted_unit_price: unit_price.clone(),
            effective_cost: cost.clone(),
            invoice_issuer_name: "Microsoft",
            list_cost: cost,
            list_unit_price: unit_price,
            pricing_category: "Standard",
            pricing_quantity: quantity,
            pricing_unit: used.unit,
            provider_name: "Microsoft",
            publisher_name: "Microsoft",
            region_id: region.clone(),
            region_name: region,
            resource_id,
            resource_name,
            resource_type,
            service_category: "AI and Machine Learning",
            service_name: "Azure OpenAI",
            service_subcategory: "Generative AI",
            sku_id,
            sku_meter: used.unit,
            sku_price_details: details(&sum.price),
            sku_price_id,
            sub_account_id: client,
            sub_account_name: client,
            tags: tags(labels, product, key),
            version: VERSION,
            model,
            operation,
            requests: sum.requests,
            source,
            user,
        })
    }
}

/// Writes the file. Without lines it is the header, which is otherwise written with the first line.
pub(super) fn write<'a>(
    mut to: impl Write,
    lines: impl IntoIterator<Item = Line<'a>>,
) -> Result<(), csv::Error> {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        return csv_file::write(to, lines);
    }
    let mut file = csv::Writer::from_writer(&mut to);
    file.write_record(&header()?)?;
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
    (!sum.currency.is_empty()).then(|| decimal(i128::from(sum.cost_nanos), COST_DECIMALS))
}

/// What was used most of all kinds that have a unit.
struct Used {
    /// More than none.
    thousandths: i64,
    unit: &'static str,
}

fn quantity(sum: &Sum) -> Option<Used> {
    let whole = |count: i64, unit| Used {
        thousandths: count.saturating_mul(1000),
        unit,
    };
    let seconds = Used {
        thousandths: sum.audio_ms,
        unit: "Seconds",
    };
    [
        whole(sum.total_tokens, "Tokens"),
        whole(sum.images, "Images"),
        seconds,
        whole(sum.characters, "Characters"),
    ]
    .into_iter()
    .find(|used| used.thousandths > 0)
}

/// The price of one unit: a line has tokens of several kinds, so it is what one of them cost on average.
/// It has so many places that times the quantity it is the cost, to a billionth.
fn unit_price(cost_nanos: i64, thousandths: i64) -> Option<String> {
    // A billionth for a thousandth of a unit are 10^-6 of the currency for a unit.
    let more = 10_i128.pow(PRICE_DECIMALS - 6);
    let price = i128::from(cost_nanos).checked_mul(more)?;
    let half = i128::from(thousandths) / 2;
    let rounded = price
        .checked_add(half)?
        .checked_div(i128::from(thousandths))?;
    Some(decimal(rounded, PRICE_DECIMALS))
}

/// A decimal with at least one place after the point, and no zeros behind the last that counts.
fn decimal(scaled: i128, places: u32) -> String {
    let unit = 10_i128.pow(places);
    let sign = if scaled < 0 { "-" } else { "" };
    let (whole, fraction) = (scaled.abs() / unit, scaled.abs() % unit);
    let width = usize::try_from(places).unwrap_or(0);
    let fraction = format!("{fraction:0width$}");
    let fraction = match fraction.trim_end_matches('0') {
        "" => "0",
        kept => kept,
    };
    format!("{sign}{whole}.{fraction}")
}

/// What is sold, and its line in the price list. Neither has the date when the price began: they are to
/// stay the same when the price changes.
fn sku(price: &str) -> (&str, &str) {
    let line = price.split_once('@').map_or(price, |(line, _)| line);
    let subject = line.split([':', '/']).next().unwrap_or(line);
    (subject, line)
}

/// The whole name of the price, with its date, as FOCUS' key-value format wants it.
fn details(price: &str) -> String {
    Value::Object(Map::from_iter([("x_Price".to_owned(), price.into())])).to_string()
}

/// The labels, the product and the key: a JSON object, as FOCUS' key-value format wants it.
fn tags(labels: &str, product: &str, key: &str) -> String {
    let mut tags: Map<String, Value> = serde_json::from_str(labels).unwrap_or_default();
    for (name, value) in [("tollgate/product", product), ("tollgate/key", key)] {
        if !value.is_empty() {
            tags.insert(name.to_owned(), value.into());
        }
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
mod tests;
