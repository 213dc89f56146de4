//! Limits for a person, or as JSON.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use serde_json::Value;

use crate::cli::plain::printable;
use crate::cli::tables::{grouped, no_lines_between_rows};
use crate::control::SubjectStandings;
use crate::limits::{Away, Calendar, Measure, Names, Resets, Standing, Subject, WhenUnavailable};
use crate::usage::{Amount, rfc3339};

/// Decimals of a cost that a person wants to see.
const COST_DECIMALS: usize = 2;

/// What the service has said.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) limits: Vec<SubjectStandings>,
    /// Empty where there is none.
    pub(super) currency: String,
    pub(super) time_zone: String,
    pub(super) users_left_out: u64,
    pub(super) away: Option<Away>,
}

/// What is said of figures that are those of one replica.
pub(in crate::cli) fn remark(away: Away) -> String {
    let meanwhile = match away.rule {
        WhenUnavailable::LocalShare => "it goes on with its part of each limit",
        WhenUnavailable::Refuse => "requests with limits are refused",
    };
    format!(
        "the servers of shared limits have not answered since {}: this is what this replica knows, and {meanwhile}",
        rfc3339(away.since_ms)
    )
}

pub(super) fn table(listed: &Listed) -> String {
    if listed.limits.is_empty() {
        return "there are no limits\n".to_owned();
    }
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    no_lines_between_rows(&mut table);
    table.set_header(["of", "what", "limit", "used", "set aside", "left", "renews"]);
    for of in &listed.limits {
        for (at, standing) in of.standings.iter().enumerate() {
            // Whose they are is said once.
            let subject = match at {
                0 => printable(&of.subject.to_string()).into_owned(),
                _ => String::new(),
            };
            table.add_row(cells(subject, standing, listed));
        }
    }
    for column in table.column_iter_mut().skip(2).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let remark = listed.away.map(|away| remark(away) + "\n");
    let remark = remark.unwrap_or_default();
    let note = match listed.users_left_out {
        0 => String::new(),
        count => format!(
            "{} more users have used less: --users shows more of them.\n",
            grouped(count)
        ),
    };
    format!("{remark}{table}\n{note}")
}

fn cells(subject: String, standing: &Standing, listed: &Listed) -> [String; 7] {
    let meter = standing.rule.meter;
    let what = meter.with_currency(&listed.currency);
    let amount = |amount: u64| match meter.measure {
        Measure::Cost => Amount::from_unsigned_nanos(amount)
            .rounded(COST_DECIMALS)
            .to_string_with(COST_DECIMALS),
        _ => grouped(amount),
    };
    [
        subject,
        printable(&what).into_owned(),
        amount(standing.rule.most),
        amount(standing.settled()),
        standing.set_aside.map(amount).unwrap_or_default(),
        amount(standing.remaining()),
        renews(standing, listed),
    ]
}

fn renews(standing: &Standing, listed: &Listed) -> String {
    match standing.resets {
        Resets::At(at) => calendar(listed).written(at),
        Resets::In(_) if standing.used == 0 => String::new(),
        // Up to the next second: one that is over is not there.
        Resets::In(wait) => format!("in {} s", wait.as_millis().div_ceil(1_000)),
        Resets::WithRequests => String::new(),
    }
}

fn calendar(listed: &Listed) -> Calendar {
    Calendar::new(&listed.time_zone).unwrap_or_default()
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    of: Names<'a>,
    measure: &'static str,
    period: &'static str,
    /// Only of cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    limit: Value,
    used: Value,
    set_aside: Option<Value>,
    left: Value,
    renews: Option<String>,
    resets_in_ms: Option<u128>,
}

impl<'a> Shown<'a> {
    fn of(subject: &'a Subject, standing: &Standing, listed: &'a Listed) -> Self {
        let meter = standing.rule.meter;
        let is_cost = meter.measure == Measure::Cost;
        let amount = |amount: u64| match is_cost {
            true => Value::from(Amount::from_unsigned_nanos(amount).to_string()),
            false => Value::from(amount),
        };
        let (renews, resets_in_ms) = match standing.resets {
            Resets::At(at) => (Some(calendar(listed).written(at)), None),
            Resets::In(wait) => (None, Some(wait.as_millis())),
            Resets::WithRequests => (None, None),
        };
        Self {
            of: subject.names(),
            measure: meter.measure.as_str(),
            period: meter.span.as_str(),
            currency: is_cost.then_some(listed.currency.as_str()),
            limit: amount(standing.rule.most),
            used: amount(standing.settled()),
            set_aside: standing.set_aside.map(amount),
            left: amount(standing.remaining()),
            renews,
            resets_in_ms,
        }
    }
}

#[derive(Serialize)]
struct All<'a> {
    limits: Vec<Shown<'a>>,
    users_left_out: u64,
    /// Since when the servers of shared limits have not answered.
    servers_away_since: Option<String>,
}

pub(super) fn json(listed: &Listed) -> Result<String, String> {
    let each = listed.limits.iter().flat_map(|of| {
        let shown = |standing| Shown::of(&of.subject, standing, listed);
        of.standings.iter().map(shown)
    });
    let all = All {
        limits: each.collect(),
        users_left_out: listed.users_left_out,
        servers_away_since: listed.away.map(|away| rfc3339(away.since_ms)),
    };
    let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::{Meter, Period, Rule, Span};

    fn standing(measure: Measure, span: Span, most: u64, used: u64) -> Standing {
        let resets = match span {
            Span::Period(_) => Resets::At(1_796_079_600_000),
            Span::AtOnce => Resets::WithRequests,
            _ => Resets::In(Duration::from_millis(41_200)),
        };
        Standing {
            rule: Rule {
                meter: Meter { measure, span },
                most,
            },
            whole: most,
            used,
            set_aside: matches!(span, Span::Period(_)).then_some(1_500_000_000),
            resets,
        }
    }

    fn listed() -> Listed {
        let app = SubjectStandings {
            subject: Subject::Client("app".into()),
            standings: vec![
                standing(Measure::TotalTokens, Span::Minute, 1_200_000, 200_001),
                standing(
                    Measure::Cost,
                    Span::Period(Period::Month),
                    2_500_000_000_000,
                    2_004_370_000_000,
                ),
            ],
        };
        let user = SubjectStandings {
            subject: Subject::User {
                client: "app".into(),
                user: Some("ann\n\u{1b}[2J".into()),
            },
            standings: vec![standing(Measure::Requests, Span::Minute, 20, 0)],
        };
        Listed {
            limits: vec![app, user],
            currency: "EUR".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            users_left_out: 1_234,
            away: None,
        }
    }

    #[test]
    fn a_person_reads_amounts_money_and_when_they_renew() {
        let text = table(&listed());
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|it| !it.is_empty())
                    .collect()
            })
            .collect();
        for row in [
            &[
                "client app",
                "tokens per minute",
                "1 200 000",
                "200 001",
                "999 999",
                "in 42 s",
            ][..],
            &[
                "cost per month, EUR",
                "2500.00",
                "2002.87",
                "1.50",
                "495.63",
                "2026-12-01T00:00:00+01:00",
            ],
            &[
                "user ann\u{fffd}\u{fffd}[2J of client app",
                "requests per minute",
                "20",
                "0",
                "20",
            ],
        ] {
            assert!(lines.iter().any(|it| it == row), "{row:?}:\n{text}");
        }
        assert!(text.ends_with("1 234 more users have used less: --users shows more of them.\n"));
        assert_eq!(table(&Listed::default()), "there are no limits\n");
    }

    #[test]
    fn figures_of_one_replica_alone_are_said_to_be_so() {
        for (rule, meanwhile) in [
            (WhenUnavailable::LocalShare, "its part of each limit"),
            (WhenUnavailable::Refuse, "are refused"),
        ] {
            let away = Away {
                since_ms: 1_796_079_600_000,
                rule,
            };
            let alone = Listed {
                away: Some(away),
                ..listed()
            };
            let text = table(&alone);
            let first = text.lines().next().expect("a line");
            assert!(first.contains("since 2026-11-30T23:00:00"), "{first}");
            assert!(first.ends_with(meanwhile), "{first}");
            let all: Value = serde_json::from_str(&json(&alone).expect("JSON")).expect("JSON");
            let since = all["servers_away_since"].as_str().expect("a moment");
            assert!(since.starts_with("2026-11-30T23:00:00"), "{since}");
        }
        assert!(!table(&listed()).contains("servers"));
    }

    #[test]
    fn a_program_reads_numbers_and_exact_money() {
        let text = json(&listed()).expect("JSON");
        let all: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(all["users_left_out"], 1_234);
        let [tokens, cost, user] = [0, 1, 2].map(|at| &all["limits"][at]);
        assert_eq!(tokens["limit"], 1_200_000);
        assert_eq!(tokens["resets_in_ms"], 41_200);
        assert_eq!(tokens["set_aside"], Value::Null);
        assert!(tokens.get("currency").is_none() && tokens.get("user").is_none());
        assert_eq!(cost["used"], "2002.87");
        assert_eq!(cost["set_aside"], "1.50");
        assert_eq!(cost["left"], "495.63");
        assert_eq!(cost["currency"], "EUR");
        assert_eq!(cost["renews"], "2026-12-01T00:00:00+01:00");
        assert_eq!(user["user"], "ann\n\u{1b}[2J", "escaped by JSON");
        assert!(!text.contains('\u{1b}'));
    }
}
