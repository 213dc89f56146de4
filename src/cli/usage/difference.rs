//! What other prices change, in money: by month, model and currency.

use std::collections::BTreeMap;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};

use crate::cli::plain::printable;
use crate::cli::tables::no_lines_between_rows;
use crate::control::Repriced;
use crate::usage::{Amount, LedgerRow, month_of};

const DAY_MS: i64 = 86_400_000;
/// What is shown for records without a model.
const NO_MODEL: &str = "(none)";

/// An amount before and after; `None` where no record has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Change {
    /// Records that have another price or cost.
    records: u64,
    before: Option<i128>,
    after: Option<i128>,
}

impl Change {
    fn join(&mut self, other: Self) {
        let sum = |a: Option<i128>, b: Option<i128>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        self.records = self.records.saturating_add(other.records);
        self.before = sum(self.before, other.before);
        self.after = sum(self.after, other.after);
    }
}

/// All changes: by month, model and currency, which is empty where there is no price before nor after.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Records that were looked at.
    pub(super) seen: u64,
    /// Those that have another price or cost.
    pub(super) changed: u64,
    groups: BTreeMap<(String, String, String), Change>,
}

impl Differences {
    /// Counts a record, and what it becomes if it changes.
    pub(super) fn add(&mut self, old: &LedgerRow, new: Option<&LedgerRow>) {
        self.seen = self.seen.saturating_add(1);
        let is_changed = new.is_some();
        self.changed = self.changed.saturating_add(u64::from(is_changed));
        let new = new.unwrap_or(old);
        let currency = |row: &LedgerRow| row.currency.clone().unwrap_or_default();
        let (was, is) = (currency(old), currency(new));
        let before = Change {
            records: u64::from(is_changed && was != is && !was.is_empty()),
            before: old.cost_nanos.map(i128::from),
            after: None,
        };
        let after = Change {
            records: u64::from(is_changed),
            before: None,
            after: new.cost_nanos.map(i128::from),
        };
        let month = month_of(old.started_ms.div_euclid(DAY_MS));
        let model = old.model.clone().unwrap_or_default();
        for (currency, change) in [(was, before), (is, after)] {
            let group = (month.clone(), model.clone(), currency);
            self.groups.entry(group).or_default().join(change);
        }
    }

    /// The sums of all, by currency.
    fn totals(&self) -> BTreeMap<&str, Change> {
        let mut totals: BTreeMap<&str, Change> = BTreeMap::new();
        for ((_, _, currency), change) in &self.groups {
            totals.entry(currency).or_default().join(*change);
        }
        totals
    }

    /// The same, for the audit log.
    pub(super) fn repriced(&self) -> Vec<Repriced> {
        let amount = |nanos: Option<i128>| nanos.map(nanos_of);
        let of = |(currency, change): (&str, Change)| Repriced {
            currency: currency.to_owned(),
            before_nanos: amount(change.before),
            after_nanos: amount(change.after),
        };
        let totals = self.totals().into_iter();
        let priced = totals.filter(|(currency, _)| !currency.is_empty());
        priced.map(of).collect()
    }

    /// A table of what changes; empty where nothing does.
    pub(super) fn render(&self) -> String {
        if self.changed == 0 {
            return String::new();
        }
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY);
        no_lines_between_rows(&mut table);
        table.set_header([
            "month",
            "model",
            "records",
            "before",
            "after",
            "difference",
            "",
        ]);
        for ((month, model, currency), change) in &self.groups {
            if change.records > 0 {
                let model = match model.as_str() {
                    "" => NO_MODEL,
                    model => &printable(model),
                };
                table.add_row(cells(month, model, change, currency));
            }
        }
        for (currency, change) in self.totals() {
            if change.records > 0 {
                table.add_row(cells("total", "", &change, currency));
            }
        }
        for column in table.column_iter_mut().skip(2).take(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n")
    }
}

fn cells(month: &str, model: &str, change: &Change, currency: &str) -> [String; 7] {
    let text = |nanos: i128| Amount::from_nanos(nanos_of(nanos)).to_string();
    let shown = |nanos: Option<i128>| nanos.map(text).unwrap_or_default();
    let difference = change
        .after
        .unwrap_or(0)
        .saturating_sub(change.before.unwrap_or(0));
    let is_any = change.before.is_some() || change.after.is_some();
    [
        month.to_owned(),
        model.to_owned(),
        change.records.to_string(),
        shown(change.before),
        shown(change.after),
        shown(is_any.then_some(difference)),
        currency.to_owned(),
    ]
}

/// No real sum is beyond the range of amounts: such a value is clamped to its end.
fn nanos_of(nanos: i128) -> i64 {
    let end = if nanos < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(nanos).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(model: &str, day: i64, cost_nanos: Option<i64>, currency: Option<&str>) -> LedgerRow {
        LedgerRow {
            started_ms: day * DAY_MS,
            model: Some(model.to_owned()),
            cost_nanos,
            currency: currency.map(str::to_owned),
            ..LedgerRow::default()
        }
    }

    /// The words of each line.
    fn lines(text: &str) -> Vec<String> {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines()
            .map(words)
            .filter(|it| it.contains('.'))
            .collect()
    }

    #[test]
    fn money_is_compared_by_month_model_and_currency() {
        const USD: Option<&str> = Some("USD");
        let mut all = Differences::default();
        let old = row("gpt-4o", 20_484, Some(1_000_000_000), USD);
        all.add(&old, Some(&row("gpt-4o", 20_484, Some(1_500_000_000), USD)));
        all.add(&old, None);
        let next_month = row("gpt-4o", 20_485, Some(2_000_000_000), USD);
        all.add(
            &next_month,
            Some(&row("gpt-4o", 20_485, Some(1), Some("EUR"))),
        );
        let unpriced = row("o3", 20_485, None, None);
        all.add(&unpriced, Some(&row("o3", 20_485, Some(250_000_000), USD)));
        all.add(&row("tts", 20_485, Some(7), USD), None);
        assert_eq!((all.seen, all.changed), (5, 3));
        assert_eq!(
            lines(&all.render()),
            [
                "2026-01 gpt-4o 1 2.00 2.50 0.50 USD",
                "2026-02 gpt-4o 1 0.000000001 0.000000001 EUR",
                "2026-02 gpt-4o 1 2.00 -2.00 USD",
                "2026-02 o3 1 0.25 0.25 USD",
                "total 1 0.000000001 0.000000001 EUR",
                "total 3 4.000000007 2.750000007 -1.25 USD",
            ],
            "{}",
            all.render()
        );
        let [eur, usd] = all.repriced().try_into().expect("two currencies");
        assert_eq!((eur.before_nanos, eur.after_nanos), (None, Some(1)));
        assert_eq!(usd.after_nanos, Some(2_750_000_007));
    }

    #[test]
    fn where_nothing_changes_there_is_no_table() {
        let mut all = Differences::default();
        all.add(&row("gpt-4o", 0, Some(1), Some("USD")), None);
        assert_eq!(all.render(), "");
    }
}
