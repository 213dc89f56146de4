//! Reports for programs: CSV and JSON. Both name the columns by what the report is by; what nobody knows is
//! empty, or null.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::csv_file;
use crate::usage::{Report, ReportRow};

pub(super) fn csv(report: &Report) -> Result<String, String> {
    let counts = ReportRow::default().counts().map(|(name, _)| name);
    let mut header: Vec<&str> = report.by.iter().map(String::as_str).collect();
    header.extend(counts);
    header.extend(["cost", "currency"]);
    let row = |row: &ReportRow| {
        let mut fields = row.keys.clone();
        fields.extend(row.counts().map(|(_, count)| count.to_string()));
        fields.push(row.cost().map(|cost| cost.to_string()).unwrap_or_default());
        fields.push(row.currency.clone());
        fields
    };
    let mut file = Vec::new();
    csv_file::write_fields(&mut file, &header, report.rows.iter().map(row))
        .map_err(|error| error.to_string())?;
    String::from_utf8(file).map_err(|error| error.to_string())
}

/// An object whose members keep their order, as the columns of a CSV have one.
#[derive(Default)]
struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    fn add(&mut self, name: &str, value: Box<RawValue>) {
        self.0.push((name.to_owned(), value));
    }
}

impl serde::Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[derive(serde::Serialize)]
struct Shown<'a> {
    by: &'a [String],
    rows: Vec<Object>,
    totals: Vec<Object>,
}

pub(super) fn json(report: &Report) -> Result<String, String> {
    let objects = |rows: &[ReportRow]| -> serde_json::Result<Vec<Object>> {
        rows.iter().map(|row| object(&report.by, row)).collect()
    };
    let shown = || -> serde_json::Result<String> {
        serde_json::to_string_pretty(&Shown {
            by: &report.by,
            rows: objects(&report.rows)?,
            totals: objects(&report.totals)?,
        })
    };
    let text = shown().map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn object(by: &[String], row: &ReportRow) -> serde_json::Result<Object> {
    let mut object = Object::default();
    let text_or_null = |text: &str| match text {
        "" => Value::Null,
        text => json!(text),
    };
    for (name, key) in by.iter().zip(&row.keys) {
        object.add(name, serde_json::value::to_raw_value(&text_or_null(key))?);
    }
    for (name, count) in row.counts() {
        object.add(name, serde_json::value::to_raw_value(&count)?);
    }
    // Written as it is: a number that passes through a float may end in other digits.
    let cost = row
        .cost()
        .map_or("null".to_owned(), |cost| cost.to_string());
    object.add("cost", RawValue::from_string(cost)?);
    let currency = text_or_null(&row.currency);
    object.add("currency", serde_json::value::to_raw_value(&currency)?);
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let row = |keys: &[&str], cost_nanos, currency: &str| ReportRow {
            keys: keys.iter().map(|it| (*it).to_owned()).collect(),
            requests: 2,
            cost_nanos,
            currency: currency.to_owned(),
            ..ReportRow::default()
        };
        Report {
            by: vec!["client".to_owned(), "label:team".to_owned()],
            rows: vec![
                row(&["=app", "search"], 12_345_678_901_234_567, "USD"),
                row(&["web", ""], 0, ""),
                row(&["free", ""], 0, "USD"),
            ],
            totals: vec![row(&[], 5, "USD")],
        }
    }

    #[test]
    fn csv_has_a_column_for_each_and_what_has_no_price_is_empty() {
        let csv = csv(&report()).expect("memory");
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!(
            lines,
            [
                "client,label:team,requests,input_tokens,cached_tokens,output_tokens,reasoning_tokens,total_tokens,images,audio_ms,characters,unpriced_requests,cost,currency",
                "'=app,search,2,0,0,0,0,0,0,0,0,0,12345678.901234567,USD",
                "web,,2,0,0,0,0,0,0,0,0,0,,",
                "free,,2,0,0,0,0,0,0,0,0,0,0.00,USD",
            ]
        );
    }

    #[test]
    fn json_has_numbers_and_null_for_what_is_not_known() {
        let text = json(&report()).expect("memory");
        assert!(text.contains("12345678.901234567"), "exact: {text}");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["by"], json!(["client", "label:team"]));
        let row = |at: usize| read["rows"][at].clone();
        assert_eq!(row(0)["client"], "=app");
        assert!(row(0)["cost"].is_number() && row(0)["requests"].is_i64());
        assert_eq!(row(1)["label:team"], Value::Null);
        assert_eq!(
            (&row(1)["cost"], &row(1)["currency"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(row(2)["cost"], json!(0.0));
        assert_eq!(read["totals"][0]["cost"], json!(5e-9));
        assert_eq!(read["totals"][0].get("client"), None);
    }
}
