//! Pages that are made at once, and colours.

use std::collections::HashMap;

use super::STYLE;
use super::asked::{Asked, today};
use super::ledger::{Ledger, LedgerPlaces};
use crate::database::{DatabaseUrl, Synchronous};
use crate::usage::LEDGER;

fn ledger(folder: &std::path::Path) -> Ledger {
    let url = DatabaseUrl::in_directory(folder, LEDGER, Synchronous::Full);
    Ledger::new(LedgerPlaces {
        reports: url.clone(),
        own: Some(url),
        shared: None,
    })
}

fn week() -> Asked {
    Asked::read(None, today()).expect("the last week")
}

#[tokio::test]
async fn the_ledger_is_asked_one_question_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = ledger(folder.path());
    let answer = ledger.ask(week(), std::sync::Arc::default()).await;
    let answer = answer.expect("an empty ledger");
    assert!(answer.reports.by.rows.is_empty() && answer.uses.is_some());
    let held = ledger.hold().await;
    let busy = ledger.ask(week(), std::sync::Arc::default()).await;
    assert_eq!(
        busy.err().as_deref(),
        Some("an earlier question still keeps the ledger busy")
    );
    drop(held);
    assert!(ledger.ask(week(), std::sync::Arc::default()).await.is_ok());
}

#[tokio::test]
async fn reports_are_put_together_away_from_the_thread_that_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = ledger(folder.path());
    let answer = ledger.ask(week(), std::sync::Arc::default()).await;
    let answer = answer.expect("an empty ledger");
    assert_ne!(answer.reports.made_by, std::thread::current().id());
}

#[tokio::test]
async fn a_ledger_that_can_not_be_opened_is_said_and_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    std::fs::write(&data, "not a folder").expect("written");
    let ledger = ledger(&data);
    let failed = ledger.ask(week(), std::sync::Arc::default()).await;
    let why = failed.err().expect("no ledger");
    assert!(why.starts_with("the ledger can't be read: "), "{why}");
    std::fs::remove_file(&data).expect("removed");
    assert!(ledger.ask(week(), std::sync::Arc::default()).await.is_ok());
}

/// The colours of a scheme, by name.
fn colours(scheme: &str) -> HashMap<&str, [f64; 3]> {
    let (_, block) = scheme.split_once(":root {").expect("colours");
    let (block, _) = block.split_once('}').expect("their end");
    let read = |line: &str| -> Option<[f64; 3]> {
        let digits = line.trim().trim_end_matches(';').strip_prefix('#')?;
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some([part(0)?, part(2)?, part(4)?].map(|it| f64::from(it) / 255.0))
    };
    let lines = block
        .lines()
        .filter_map(|line| line.trim().split_once(": "));
    lines
        .filter_map(|(name, value)| Some((name.strip_prefix("--")?, read(value)?)))
        .collect()
}

/// WCAG 2.2: relative luminance.
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = colour.map(|it| match it <= 0.040_45 {
        true => it / 12.92,
        false => ((it + 0.055) / 1.055).powf(2.4),
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

#[test]
fn all_texts_have_the_contrast_that_wcag_asks_for_in_both_schemes() {
    let (light, dark) = STYLE
        .split_once("@media (prefers-color-scheme: dark)")
        .expect("two schemes");
    for (name, scheme) in [("light", light), ("dark", dark)] {
        let colours = colours(scheme);
        let pairs = ["text", "quiet", "link", "well", "ill"];
        for (text, ground) in pairs
            .iter()
            .flat_map(|it| [(*it, "ground"), (*it, "raised")])
        {
            let contrast = contrast(colours[text], colours[ground]);
            assert!(contrast >= 4.5, "{name}: {text} on {ground}: {contrast:.2}");
        }
        let bar = contrast(colours["bar"], colours["ground"]);
        assert!(bar >= 3.0, "{name}: {bar:.2}");
    }
}

#[test]
fn the_style_sheet_loads_nothing() {
    for forbidden in ["url(", "@import", "@font-face", "expression", "http"] {
        assert!(!STYLE.contains(forbidden), "{forbidden}");
    }
}
