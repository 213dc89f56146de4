//! What is used of limits and budgets: what `tollgate limits` and the metrics say.

use std::cmp::Reverse;

use super::figures::{moment_of_millis, percent, span};
use super::table::{Cell, Column, Section, Table, bounded};
use crate::control::SubjectStandings;
use crate::limits::{Calendar, Measure, Resets, Standing, Subject};
use crate::usage::Amount;

/// Most limits that are shown: those of which most is used.
const MAX_ROWS: usize = 200;
/// From this part on, in percent, a limit needs attention.
const NEARLY_USED: u8 = 90;

/// What is known of limits.
pub(super) struct Limits {
    pub(super) standings: Vec<SubjectStandings>,
    pub(super) calendar: Calendar,
    pub(super) currency: Option<String>,
    /// Since when the servers that count them together do not answer, in milliseconds since 1970.
    pub(super) away_since: Option<i64>,
}

pub(super) fn section(limits: &Limits) -> Section {
    let away = limits.away_since.map(|since| {
        format!(
            "The servers of shared limits have not answered since {}: these are the figures of this replica alone.",
            moment_of_millis(since)
        )
    });
    let mut all: Vec<(&Subject, &Standing)> = limits
        .standings
        .iter()
        .flat_map(|of| of.standings.iter().map(|standing| (&of.subject, standing)))
        .collect();
    all.sort_by_key(|(_, standing)| Reverse(percent(standing.used, standing.rule.most)));
    let more = bounded(&mut all, MAX_ROWS, "limits, of which less is used");
    Section {
        id: "limits",
        title: "Limits and budgets",
        notes: away.into_iter().collect(),
        tables: vec![Table {
            caption: "Limits, those of which most is used first".to_owned(),
            columns: vec![
                Column::text("of"),
                Column::text("what"),
                Column::number("limit"),
                Column::number("used"),
                Column::number("set aside"),
                Column::number("left"),
                Column::text("used or set aside"),
                Column::text("state"),
                Column::text("renews"),
            ],
            rows: all
                .iter()
                .map(|(subject, standing)| cells(subject, standing, limits))
                .collect(),
            empty: "There are no limits.".to_owned(),
            more,
            ..Table::default()
        }],
    }
}

fn cells(subject: &Subject, standing: &Standing, limits: &Limits) -> Vec<Cell> {
    let meter = standing.rule.meter;
    let currency = limits.currency.as_deref().unwrap_or_default();
    let amount = |amount: u64| match meter.measure {
        Measure::Cost => Cell::money(Amount::from_unsigned_nanos(amount)),
        _ => Cell::count(amount),
    };
    let part = percent(standing.used, standing.rule.most);
    let state = match part {
        100 => Cell::state("used up", false),
        NEARLY_USED.. => Cell::state("nearly used up", false),
        _ => Cell::state("room", true),
    };
    vec![
        Cell::text(subject.to_string()),
        Cell::text(meter.with_currency(currency)),
        amount(standing.rule.most),
        amount(standing.settled()),
        standing.set_aside.map(amount).unwrap_or_default(),
        amount(standing.remaining()),
        Cell::bar(part),
        state,
        Cell::text(renews(standing, &limits.calendar)),
    ]
}

fn renews(standing: &Standing, calendar: &Calendar) -> String {
    match standing.resets {
        Resets::At(at) => calendar.written(at),
        Resets::In(_) if standing.used == 0 => String::new(),
        Resets::In(wait) => format!("in {}", span(wait)),
        Resets::WithRequests => "with requests that end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::{Meter, Period, Rule, Span};

    fn standing(measure: Measure, span: Span, most: u64, used: u64) -> Standing {
        let resets = match span {
            Span::Period(_) => Resets::At(1_796_079_600_000),
            _ => Resets::In(Duration::from_secs(41)),
        };
        Standing {
            rule: Rule {
                meter: Meter { measure, span },
                most,
            },
            whole: most,
            used,
            set_aside: matches!(span, Span::Period(_)).then_some(500_000_000),
            resets,
        }
    }

    fn limits(standings: Vec<Standing>) -> Limits {
        let subject = Subject::Client("<b>app</b>".into());
        Limits {
            standings: vec![SubjectStandings { subject, standings }],
            calendar: Calendar::default(),
            currency: Some("EUR".to_owned()),
            away_since: None,
        }
    }

    #[test]
    fn the_fullest_come_first_with_money_and_when_they_renew() {
        let month = Span::Period(Period::Month);
        let section = section(&limits(vec![
            standing(Measure::Requests, Span::Minute, 20, 0),
            standing(Measure::Cost, month, 10_000_000_000, 9_500_000_000),
        ]));
        let rows = &section.tables[0].rows;
        let shown: Vec<Vec<&str>> = rows
            .iter()
            .map(|row| row.iter().map(Cell::shown).skip(1).collect())
            .collect();
        assert_eq!(
            shown,
            [
                [
                    "cost per month, EUR",
                    "10.0000",
                    "9.0000",
                    "0.5000",
                    "0.5000",
                    "95 %",
                    "nearly used up",
                    "2026-11-30T23:00:00Z"
                ],
                [
                    "requests per minute",
                    "20",
                    "0",
                    "",
                    "20",
                    "0 %",
                    "room",
                    ""
                ],
            ]
        );
        assert_eq!(
            rows[0][0].shown(),
            "client <b>app</b>",
            "the page escapes it"
        );
    }

    #[test]
    fn figures_of_one_replica_alone_are_said_to_be_so() {
        let mut alone = limits(Vec::new());
        alone.away_since = Some(1_796_079_600_000);
        let notes = section(&alone).notes;
        assert!(
            notes[0].contains("since 2026-11-30 23:00:00 UTC"),
            "{notes:?}"
        );
    }

    #[test]
    fn very_many_limits_are_cut() {
        let all = vec![standing(Measure::Requests, Span::Minute, 20, 1); 500];
        let section = section(&limits(all));
        assert_eq!(section.tables[0].rows.len(), MAX_ROWS);
        assert!(section.tables[0].more.is_some());
    }
}
