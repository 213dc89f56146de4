//! The report for a person: a table with totals and small bars.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};

use crate::cli::plain::printable;
use crate::cli::tables::{grouped, no_lines_between_rows};
use crate::usage::{Report, ReportRow};

/// Longest bar, in characters.
const BAR_CHARS: i64 = 12;
/// Decimals of a cost that a person wants to see.
const COST_DECIMALS: usize = 2;
/// What is shown for records that name nobody.
const NOBODY: &str = "(none)";
const TOTAL: &str = "total";

pub(super) fn render(report: &Report) -> String {
    if report.rows.is_empty() {
        return "no usage in this period\n".to_owned();
    }
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    no_lines_between_rows(&mut table);
    let titles = ["requests", "input", "cached", "output", "cost", "", "share"];
    let by: Vec<_> = report.by.iter().map(String::as_str).collect();
    table.set_header([&by[..], &titles[..]].concat());
    let has_costs = report.rows.iter().any(|row| row.cost_nanos > 0);
    let size = |row: &ReportRow| match has_costs {
        true => row.cost_nanos,
        false => row.total_tokens,
    };
    let largest = report.rows.iter().map(size).max().unwrap_or(0);
    for row in &report.rows {
        let keys = row.keys.iter().map(|key| match key.as_str() {
            "" => NOBODY.to_owned(),
            key => printable(key).into_owned(),
        });
        table.add_row(cells(keys, row, bar(size(row), largest)));
    }
    for total in &report.totals {
        let keys = (0..by.len()).map(|at| match at {
            0 => TOTAL.to_owned(),
            _ => String::new(),
        });
        table.add_row(cells(keys, total, String::new()));
    }
    for column in table.column_iter_mut().skip(by.len()).take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let unpriced: i64 = report.totals.iter().map(|row| row.unpriced_requests).sum();
    let note = match unpriced {
        0 => String::new(),
        count => format!("{count} requests used something that has no price.\n"),
    };
    format!("{table}\n{note}")
}

fn cells(keys: impl Iterator<Item = String>, row: &ReportRow, bar: String) -> Vec<String> {
    let cost = row.cost().map(|cost| {
        let cost = cost.rounded(COST_DECIMALS);
        cost.to_string_with(COST_DECIMALS)
    });
    let rest = [
        grouped(row.requests.unsigned_abs()),
        grouped(row.input_tokens.unsigned_abs()),
        grouped(row.cached_tokens.unsigned_abs()),
        grouped(row.output_tokens.unsigned_abs()),
        cost.unwrap_or_default(),
        row.currency.clone(),
        bar,
    ];
    keys.chain(rest).collect()
}

/// A bar of eighths of a character.
fn bar(size: i64, largest: i64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (i128::from(size.max(0)) * i128::from(BAR_CHARS) * 8)
        .checked_div(i128::from(largest))
        .unwrap_or(0);
    let whole = usize::try_from(eighths / 8).unwrap_or(0);
    let rest = usize::try_from(eighths % 8).unwrap_or(0);
    let rest = EIGHTHS.get(rest).copied().unwrap_or_default();
    format!("{}{rest}", "█".repeat(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_bars_totals_and_says_what_has_no_price() {
        let row = |key: &str, cost_nanos| ReportRow {
            keys: vec![key.to_owned()],
            requests: 1_234_567,
            cost_nanos,
            currency: "USD".to_owned(),
            ..ReportRow::default()
        };
        let mut total = row("", 6_005_000_000);
        total.unpriced_requests = 3;
        let report = Report {
            by: vec!["client".to_owned()],
            rows: vec![row("app", 4_000_000_000), row("", 2_005_000_000)],
            totals: vec![total],
        };
        let text = render(&report);
        for expected in [
            "1 234 567",
            "4.00",
            "2.01",
            "6.01",
            "████████████",
            "██████ ",
            "(none)",
            "3 requests used something",
        ] {
            assert!(text.contains(expected), "{expected}:\n{text}");
        }
    }

    #[test]
    fn what_has_no_price_has_no_cost_and_several_columns_have_their_titles() {
        let row = ReportRow {
            keys: vec!["app".to_owned(), "o3".to_owned()],
            requests: 7,
            unpriced_requests: 7,
            ..ReportRow::default()
        };
        let text = render(&Report {
            by: vec!["client".to_owned(), "model".to_owned()],
            totals: vec![row.clone()],
            rows: vec![row],
        });
        assert!(!text.contains("0.00"), "{text}");
        let words = |line: usize| -> Vec<_> {
            let line = text.lines().nth(line).unwrap_or_default();
            line.split_whitespace().collect()
        };
        assert_eq!(
            words(1).get(..3),
            Some(&["client", "model", "requests"][..])
        );
        assert_eq!(words(3).get(..3), Some(&["app", "o3", "7"][..]), "{text}");
        assert_eq!(words(4).get(..2), Some(&["total", "7"][..]), "{text}");
    }

    #[test]
    fn a_user_draws_no_lines_and_moves_no_cursor() {
        let row = ReportRow {
            keys: vec!["ann\nbob\u{1b}[1A".to_owned()],
            ..ReportRow::default()
        };
        let report = Report {
            by: vec!["user".to_owned()],
            rows: vec![row],
            totals: Vec::new(),
        };
        let text = render(&report);
        assert!(text.contains("ann\u{fffd}bob\u{fffd}[1A"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn nothing_is_said_in_words() {
        let nothing = Report {
            by: vec!["client".to_owned()],
            rows: Vec::new(),
            totals: Vec::new(),
        };
        assert_eq!(render(&nothing), "no usage in this period\n");
        assert_eq!(bar(0, 0), "");
        assert_eq!(bar(5, 10), "██████");
    }
}
