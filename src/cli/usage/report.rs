//! `tollgate usage`: the report.

use std::collections::BTreeSet;
use std::process::ExitCode;

use super::location::Opened;
use super::shapes::{csv, json};
use super::{ReportArguments, ReportFormat, failed, table};
use crate::cli::output;
use crate::cli::plain::printable;
use crate::cli::say;
use crate::nearest::nearest;
use crate::usage::{self, By, Choice, Dimension, Only, Period, Question, Report, Sum};

pub(super) async fn run(arguments: &ReportArguments) -> Result<ExitCode, String> {
    let period = arguments.days.period()?;
    let question = question(arguments)?;
    let opened = arguments.location.open().await?;
    let (columns, by_day) = (question.columns(), question.needs_days());
    let only = question.only();
    let sums = priced_sums(&opened, columns, by_day, period, &only).await?;
    check_labels(&opened, &question, &sums).await?;
    let report = Report::new(&question, &sums);
    if report.rows.is_empty() {
        check_choices(&opened, &question).await?;
    }
    let text = match arguments.format {
        ReportFormat::Table => table::render(&report),
        ReportFormat::Csv => csv(&report)?,
        ReportFormat::Json => json(&report)?,
    };
    say(&mut output::stdout(), &text);
    Ok(ExitCode::SUCCESS)
}

fn question(arguments: &ReportArguments) -> Result<Question, String> {
    let by = arguments.by.clone();
    let twice = by
        .iter()
        .enumerate()
        .find(|(at, it)| by.iter().take(*at).any(|earlier| earlier == *it));
    if let Some((_, by)) = twice {
        return Err(format!("--by: `{by}` occurs twice"));
    }
    let client = |name: &String| Choice {
        what: By::Dimension(Dimension::Client),
        value: name.clone(),
    };
    let clients = arguments.client.iter().map(client);
    let choices = clients.chain(arguments.choices.iter().cloned());
    Ok(Question::new(by, choices))
}

/// Refuses a label that neither the ledger nor the configuration has: all usage would be without it.
async fn check_labels(opened: &Opened, question: &Question, sums: &[Sum]) -> Result<(), String> {
    let mut known = question.known_labels(sums);
    known.extend(opened.labels.iter().cloned());
    if question.labels().all(|name| known.contains(name)) {
        return Ok(());
    }
    // Not in this period, or not of these.
    let ever = opened
        .store
        .sums(question.columns(), false, Period::ALL)
        .await;
    let ever = ever.map_err(|error| failed(&error))?;
    known.extend(question.known_labels(&ever));
    match question.labels().find(|name| !known.contains(*name)) {
        Some(name) if !ever.is_empty() => Err(format!(
            "no client has the label `{name}`: {}",
            instead(name, &known)
        )),
        _ => Ok(()),
    }
}

/// Refuses what was chosen by and never occurs: that nobody used anything would be the wrong answer.
async fn check_choices(opened: &Opened, question: &Question) -> Result<(), String> {
    let (columns, by_day) = (question.columns(), question.needs_days());
    let sums = opened.store.sums(columns, by_day, Period::ALL).await;
    let sums = sums.map_err(|error| failed(&error))?;
    let occurring = question.occurring(&sums);
    for (by, values) in question.wanted().filter(|(by, _)| !by.is_time()) {
        let mut known: BTreeSet<String> = occurring
            .get(&by.to_string())
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        if *by == By::Dimension(Dimension::Client) {
            known.extend(opened.clients.iter().cloned());
        }
        known.remove("");
        let unknown = values
            .iter()
            .find(|it| !it.is_empty() && !known.contains(*it));
        if let (Some(value), false) = (unknown, sums.is_empty()) {
            return Err(format!(
                "no usage has the {by} `{value}`: {}",
                instead(value, &known)
            ));
        }
    }
    Ok(())
}

/// The word that may have been meant, or some of those that there are.
fn instead(written: &str, known: &BTreeSet<String>) -> String {
    const SHOWN: usize = 10;
    // Users and models are called as others like.
    let known: BTreeSet<String> = known.iter().map(|it| printable(it).into_owned()).collect();
    match nearest(written, known.iter().map(String::as_str)) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => {
            let some: Vec<_> = known.iter().take(SHOWN).map(String::as_str).collect();
            let more = if known.len() > SHOWN { ", …" } else { "" };
            format!("there are {}{more}", some.join(", "))
        }
    }
}

/// Sums with their costs; what is paid by the month is shared by use.
pub(super) async fn priced_sums(
    opened: &Opened,
    dimensions: &[Dimension],
    by_day: bool,
    period: Period,
    only: &[Only],
) -> Result<Vec<Sum>, String> {
    let sums = usage::priced_sums(
        &opened.store,
        &opened.prices,
        dimensions,
        by_day,
        period,
        only,
    );
    sums.await.map_err(|error| failed(&error))
}
