//! The rows of a report, and their totals.

use std::collections::BTreeMap;

use serde::Serialize;

use super::By;
use crate::usage::Amount;
use crate::usage::store::Sum;

/// A line of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReportRow {
    /// Whose usage it is; empty where records name none.
    pub key: String,
    /// Requests.
    pub requests: i64,
    /// Tokens of prompts.
    pub input_tokens: i64,
    /// The cached ones among them.
    pub cached_tokens: i64,
    /// Tokens of answers.
    pub output_tokens: i64,
    /// The ones of reasoning among them.
    pub reasoning_tokens: i64,
    /// All tokens.
    pub total_tokens: i64,
    /// Images.
    pub images: i64,
    /// Audio, in milliseconds.
    pub audio_ms: i64,
    /// Characters.
    pub characters: i64,
    /// Requests that used something and have no price.
    pub unpriced_requests: i64,
    /// The cost, exact, as text.
    pub cost: String,
    /// ISO 4217's code; empty where nothing has a price.
    pub currency: String,
    /// The cost in billionths.
    #[serde(skip)]
    pub cost_nanos: i64,
}

impl ReportRow {
    fn add(&mut self, sum: &Sum) {
        for (total, more) in [
            (&mut self.requests, sum.requests),
            (&mut self.input_tokens, sum.input_tokens),
            (&mut self.cached_tokens, sum.cached_tokens),
            (&mut self.output_tokens, sum.output_tokens),
            (&mut self.reasoning_tokens, sum.reasoning_tokens),
            (&mut self.total_tokens, sum.total_tokens),
            (&mut self.images, sum.images),
            (&mut self.audio_ms, sum.audio_ms),
            (&mut self.characters, sum.characters),
            (&mut self.unpriced_requests, sum.unpriced),
            (&mut self.cost_nanos, sum.cost_nanos),
        ] {
            *total = total.saturating_add(more);
        }
        self.cost = Amount::from_nanos(self.cost_nanos).to_string();
        if self.currency.is_empty() {
            self.currency.clone_from(&sum.currency);
        }
    }
}

/// A report: rows by cost and tokens, the largest first, or by time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What it is by.
    pub by: String,
    /// The lines. A key with costs in two currencies has a line for each.
    pub rows: Vec<ReportRow>,
    /// The sums of all lines, by currency.
    pub totals: Vec<ReportRow>,
}

impl Report {
    /// The report of these sums.
    pub fn new(by: &By, sums: &[Sum]) -> Self {
        let mut rows = grouped(sums, |sum| by.key(sum));
        match by {
            By::Day | By::Month => rows.sort_by(|a, b| a.key.cmp(&b.key)),
            By::Dimension(_) | By::Label(_) => rows.sort_by(|a, b| {
                let size = |row: &ReportRow| (row.cost_nanos, row.total_tokens, row.requests);
                size(b).cmp(&size(a)).then_with(|| a.key.cmp(&b.key))
            }),
        }
        let totals = grouped(sums, |_| "total".to_owned());
        Self {
            by: by.to_string(),
            rows,
            totals,
        }
    }
}

/// Rows by key and currency. What has no price joins the key's first currency.
fn grouped(sums: &[Sum], key: impl Fn(&Sum) -> String) -> Vec<ReportRow> {
    let mut rows: BTreeMap<(String, String), ReportRow> = BTreeMap::new();
    let (priced, unpriced): (Vec<_>, Vec<_>) =
        sums.iter().partition(|sum| !sum.currency.is_empty());
    for sum in priced {
        let key = key(sum);
        let row = rows.entry((key, sum.currency.clone())).or_default();
        row.add(sum);
    }
    for sum in unpriced {
        let key = key(sum);
        let mut of_key = rows.range_mut((key.clone(), String::new())..);
        match of_key.next().filter(|((found, _), _)| *found == key) {
            Some((_, row)) => row.add(sum),
            None => rows.entry((key, String::new())).or_default().add(sum),
        }
    }
    let named = |((key, _), row)| ReportRow { key, ..row };
    rows.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(client: &str, currency: &str, requests: i64, cost_nanos: i64) -> Sum {
        Sum {
            keys: vec![client.to_owned()],
            currency: currency.to_owned(),
            requests,
            cost_nanos,
            ..Sum::default()
        }
    }

    #[test]
    fn lines_are_by_cost_and_what_has_no_price_is_in_its_keys_line() {
        let sums = [
            sum("a", "USD", 1, 1_000_000_000),
            sum("a", "", 2, 0),
            sum("b", "USD", 1, 5_000_000_000),
            sum("c", "", 4, 0),
            sum("b", "EUR", 1, 2_000_000_000),
        ];
        let report = Report::new(&"client".parse().expect("a dimension"), &sums);
        let lines: Vec<_> = report
            .rows
            .iter()
            .map(|row| {
                (
                    row.key.as_str(),
                    row.requests,
                    row.cost.as_str(),
                    row.currency.as_str(),
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                ("b", 1, "5.00", "USD"),
                ("b", 1, "2.00", "EUR"),
                ("a", 3, "1.00", "USD"),
                ("c", 4, "0.00", "")
            ]
        );
        let totals: Vec<_> = report
            .totals
            .iter()
            .map(|row| (row.requests, row.cost.as_str()))
            .collect();
        assert_eq!(totals, [(7, "2.00"), (2, "6.00")]);
    }
}
