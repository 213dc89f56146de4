//! Who uses what, and what it costs, over time: the reports of `tollgate usage`.

use super::table::{Cell, Column, Section, Table, bounded};
use crate::usage::{Report, ReportRow};

/// Most rows of a report.
const MAX_ROWS: usize = 200;
/// What is shown for records that name nobody.
const NOBODY: &str = "(none)";

/// The section; `Err` is why there are no figures.
pub(super) fn section(reports: Result<[&Report; 2], &str>) -> Section {
    let (notes, tables) = match reports {
        Ok(reports) => (Vec::new(), reports.map(table).into()),
        Err(why) => (vec![why.to_owned()], Vec::new()),
    };
    Section {
        id: "usage",
        title: "Usage and cost",
        notes,
        tables,
    }
}

fn table(report: &Report) -> Table {
    let by = report.by.join(", ");
    let has_costs = report.rows.iter().any(|row| row.cost_nanos > 0);
    let size = |row: &ReportRow| match has_costs {
        true => row.cost_nanos.unsigned_abs(),
        false => row.total_tokens.unsigned_abs(),
    };
    let largest = report.rows.iter().map(size).max().unwrap_or(0);
    let mut rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| {
            let bar = Cell::bar(super::figures::percent(size(row), largest));
            cells(key(row), row, bar)
        })
        .collect();
    let more = bounded(&mut rows, MAX_ROWS, "rows, which have used less");
    let total = |row: &ReportRow| cells("all".to_owned(), row, Cell::default());
    Table {
        caption: format!("Usage by {by}"),
        columns: vec![
            Column::text(&by),
            Column::number("requests"),
            Column::number("input tokens"),
            Column::number("cached"),
            Column::number("output tokens"),
            Column::number("without a price"),
            Column::number("cost"),
            Column::text("currency"),
            Column::text("compared with the largest"),
        ],
        rows,
        totals: report.totals.iter().map(total).collect(),
        empty: "Nothing was used in these days.".to_owned(),
        more,
    }
}

fn key(row: &ReportRow) -> String {
    let named = row.keys.iter().map(|key| match key.as_str() {
        "" => NOBODY,
        key => key,
    });
    named.collect::<Vec<_>>().join(", ")
}

fn cells(key: String, row: &ReportRow, bar: Cell) -> Vec<Cell> {
    let cost = row.cost();
    vec![
        Cell::text(key),
        Cell::signed(row.requests),
        Cell::signed(row.input_tokens),
        Cell::signed(row.cached_tokens),
        Cell::signed(row.output_tokens),
        Cell::signed(row.unpriced_requests),
        cost.map(Cell::money).unwrap_or_default(),
        Cell::text(row.currency.as_str()),
        bar,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, cost_nanos: i64, currency: &str) -> ReportRow {
        ReportRow {
            keys: vec![key.to_owned()],
            requests: 3,
            cost_nanos,
            currency: currency.to_owned(),
            ..ReportRow::default()
        }
    }

    #[test]
    fn rows_have_the_reports_figures_and_what_has_no_price_has_no_cost() {
        let report = Report {
            by: vec!["client".to_owned()],
            rows: vec![row("app", 4_000_000_000, "USD"), row("", 0, "")],
            totals: vec![row("", 4_000_000_000, "USD")],
        };
        let table = table(&report);
        let shown: Vec<Vec<&str>> = table
            .rows
            .iter()
            .chain(&table.totals)
            .map(|row| row.iter().map(Cell::shown).collect())
            .collect();
        assert_eq!(
            shown,
            [
                ["app", "3", "0", "0", "0", "0", "4.0000", "USD", "100 %"],
                ["(none)", "3", "0", "0", "0", "0", "", "", "0 %"],
                ["all", "3", "0", "0", "0", "0", "4.0000", "USD", ""],
            ]
        );
    }

    #[test]
    fn a_report_of_very_many_is_cut_and_says_so() {
        let report = Report {
            by: vec!["user".to_owned()],
            rows: vec![row("ann", 1, "USD"); 1_500],
            totals: Vec::new(),
        };
        let table = table(&report);
        assert_eq!(table.rows.len(), MAX_ROWS);
        assert_eq!(
            table.more.as_deref(),
            Some("1\u{202f}300 more rows, which have used less")
        );
    }
}
