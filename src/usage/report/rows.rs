//! The rows of a report, and their totals.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::Question;
use crate::usage::Amount;
use crate::usage::store::Sum;

/// A line of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportRow {
    /// Whose usage it is, by what the report is by; empty where records name none. Totals have no keys.
    pub keys: Vec<String>,
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
    /// The cost in billionths, of what has a price.
    pub cost_nanos: i64,
    /// ISO 4217's code; empty where nothing has a price.
    pub currency: String,
}

impl ReportRow {
    /// The counts with their names, in the order of the columns.
    pub fn counts(&self) -> [(&'static str, i64); 10] {
        [
            ("requests", self.requests),
            ("input_tokens", self.input_tokens),
            ("cached_tokens", self.cached_tokens),
            ("output_tokens", self.output_tokens),
            ("reasoning_tokens", self.reasoning_tokens),
            ("total_tokens", self.total_tokens),
            ("images", self.images),
            ("audio_ms", self.audio_ms),
            ("characters", self.characters),
            ("unpriced_requests", self.unpriced_requests),
        ]
    }

    /// What it costs; `None` where nothing has a price, which is not the same as nothing.
    pub fn cost(&self) -> Option<Amount> {
        (!self.currency.is_empty()).then_some(Amount::from_nanos(self.cost_nanos))
    }

    fn size(&self) -> Size {
        (self.cost_nanos, self.total_tokens, self.requests)
    }

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
        if self.currency.is_empty() {
            self.currency.clone_from(&sum.currency);
        }
    }
}

/// What rows are ordered by: cost, tokens, requests.
type Size = (i64, i64, i64);

/// A report: by time first, then the largest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it is by.
    pub by: Vec<String>,
    /// The lines. Keys with costs in two currencies have a line for each.
    pub rows: Vec<ReportRow>,
    /// The sums of all lines, by currency.
    pub totals: Vec<ReportRow>,
}

impl Report {
    /// The report of these sums over the question's columns.
    pub fn new(question: &Question, sums: &[Sum]) -> Self {
        let sums: Vec<_> = sums.iter().filter(|sum| question.admits(sum)).collect();
        let rows = grouped(&sums, |sum| question.keys(sum));
        Self {
            by: question.by.iter().map(ToString::to_string).collect(),
            rows: ordered(question, rows),
            totals: grouped(&sums, |_| Vec::new()),
        }
    }
}

/// Rows of one month are together, and of one client: the client that costs most first, and of its models
/// that which costs most.
fn ordered(question: &Question, rows: Vec<ReportRow>) -> Vec<ReportRow> {
    let sizes = sizes_of_groups(&rows);
    let mut sized: Vec<_> = sizes.into_iter().zip(rows).collect();
    sized.sort_by(|(of_a, a), (of_b, b)| {
        for (at, by) in question.by.iter().enumerate() {
            let by_key = a.keys.get(at).cmp(&b.keys.get(at));
            let ordered = match by.is_time() {
                true => by_key,
                false => of_b.get(at).cmp(&of_a.get(at)).then(by_key),
            };
            if ordered != Ordering::Equal {
                return ordered;
            }
        }
        b.size().cmp(&a.size()).then(a.currency.cmp(&b.currency))
    });
    sized.into_iter().map(|(_, row)| row).collect()
}

/// For each row the sizes of the groups that it is in: of all with its first key, with its first two, and so on.
fn sizes_of_groups(rows: &[ReportRow]) -> Vec<Vec<Size>> {
    let mut sizes: HashMap<&[String], Size> = HashMap::new();
    for row in rows {
        let more = row.size();
        for group in groups(row) {
            let size = sizes.entry(group).or_default();
            size.0 = size.0.saturating_add(more.0);
            size.1 = size.1.saturating_add(more.1);
            size.2 = size.2.saturating_add(more.2);
        }
    }
    let size = |group: &[String]| sizes.get(group).copied().unwrap_or_default();
    let of_rows = rows.iter();
    of_rows.map(|row| groups(row).map(size).collect()).collect()
}

fn groups(row: &ReportRow) -> impl Iterator<Item = &[String]> {
    (1..=row.keys.len()).filter_map(|end| row.keys.get(..end))
}

/// Rows by keys and currency. What has no price joins the first currency of its keys.
fn grouped(sums: &[&Sum], keys: impl Fn(&Sum) -> Vec<String>) -> Vec<ReportRow> {
    let mut rows: BTreeMap<(Vec<String>, String), ReportRow> = BTreeMap::new();
    let (priced, unpriced): (Vec<&Sum>, Vec<&Sum>) =
        sums.iter().partition(|sum| !sum.currency.is_empty());
    for sum in priced {
        let row = rows.entry((keys(sum), sum.currency.clone())).or_default();
        row.add(sum);
    }
    for sum in unpriced {
        let keys = keys(sum);
        let mut of_keys = rows.range_mut((keys.clone(), String::new())..);
        match of_keys.next().filter(|((found, _), _)| *found == keys) {
            Some((_, row)) => row.add(sum),
            None => rows.entry((keys, String::new())).or_default().add(sum),
        }
    }
    let named = |((keys, _), row)| ReportRow { keys, ..row };
    rows.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(keys: &[&str], currency: &str, requests: i64, cost_nanos: i64) -> Sum {
        Sum {
            keys: keys.iter().map(|it| (*it).to_owned()).collect(),
            currency: currency.to_owned(),
            requests,
            cost_nanos,
            ..Sum::default()
        }
    }

    fn report(by: &[&str], sums: &[Sum]) -> Report {
        let by = by.iter().map(|it| it.parse().expect("a dimension"));
        Report::new(&Question::new(by.collect(), []), sums)
    }

    fn cost(row: &ReportRow) -> Option<String> {
        row.cost().map(|cost| cost.to_string())
    }

    #[test]
    fn lines_are_by_cost_and_what_has_no_price_is_in_its_keys_line() {
        let sums = [
            sum(&["a"], "USD", 1, 1_000_000_000),
            sum(&["a"], "", 2, 0),
            sum(&["b"], "USD", 1, 5_000_000_000),
            sum(&["c"], "", 4, 0),
            sum(&["b"], "EUR", 1, 2_000_000_000),
        ];
        let report = report(&["client"], &sums);
        let lines: Vec<_> = report
            .rows
            .iter()
            .map(|row| {
                (
                    row.keys.concat(),
                    row.requests,
                    cost(row),
                    row.currency.as_str(),
                )
            })
            .collect();
        let line = |key: &str, requests, cost: Option<&str>, currency| {
            (key.to_owned(), requests, cost.map(str::to_owned), currency)
        };
        assert_eq!(
            lines,
            [
                line("b", 1, Some("5.00"), "USD"),
                line("b", 1, Some("2.00"), "EUR"),
                line("a", 3, Some("1.00"), "USD"),
                line("c", 4, None, "")
            ],
            "what has no price costs nobody knows what, not nothing"
        );
        let totals: Vec<_> = report
            .totals
            .iter()
            .map(|row| (row.requests, cost(row)))
            .collect();
        let amount = |text: &str| Some(text.to_owned());
        assert_eq!(totals, [(7, amount("2.00")), (2, amount("6.00"))]);
    }

    #[test]
    fn lines_of_one_client_are_together_and_the_dearest_client_is_first() {
        let sums = [
            sum(&["a", "gpt-4o"], "USD", 1, 5),
            sum(&["b", "gpt-4o"], "USD", 1, 4),
            sum(&["b", "o3"], "USD", 1, 3),
            sum(&["a", "o3"], "USD", 1, 1),
        ];
        let keys = |by: &[&str]| -> Vec<String> {
            let report = report(by, &sums);
            report.rows.iter().map(|row| row.keys.join(" ")).collect()
        };
        let expected = ["b gpt-4o", "b o3", "a gpt-4o", "a o3"];
        assert_eq!(keys(&["client", "model"]), expected);
    }

    #[test]
    fn time_goes_forward() {
        let on = |day, cost_nanos| Sum {
            day,
            ..sum(&["a"], "USD", 1, cost_nanos)
        };
        let sums = [on(20_485, 1), on(20_484, 2), on(20_486, 3)];
        let report = report(&["month", "client"], &sums);
        let lines: Vec<_> = report
            .rows
            .iter()
            .map(|row| (row.keys.join(" "), row.cost_nanos))
            .collect();
        let line = |key: &str, cost| (key.to_owned(), cost);
        assert_eq!(lines, [line("2026-01 a", 2), line("2026-02 a", 4)]);
    }
}
