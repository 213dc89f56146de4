//! The words of Azure's files: names of columns, counts and times, however they are spelled.

use std::time::SystemTime;

use time::format_description::parse_borrowed;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::Metric;

/// The name of the column, and of the dimension.
pub(super) const DEPLOYMENT: [&str; 3] = ["modeldeploymentname", "deployment", "deploymentname"];
const TIME: [&str; 5] = ["timestamp", "time", "date", "timestamputc", "datetime"];
/// Names of metrics in letters alone, the longest first. ProcessedInferenceTokens are both together: they say nothing of
/// either.
const METRICS: [(&str, Metric); 7] = [
    ("processedprompttokens", Metric::Input),
    ("inputtokens", Metric::Input),
    ("prompttokens", Metric::Input),
    ("generatedcompletiontokens", Metric::Output),
    ("generatedtokens", Metric::Output),
    ("completiontokens", Metric::Output),
    ("outputtokens", Metric::Output),
];

/// `Processed Prompt Tokens (Sum)` is `processedprompttokens`.
pub(super) fn spelled(header: &str) -> String {
    let name = header.split('(').next().unwrap_or_default();
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The metric of this name.
pub(super) fn metric(name: &str) -> Option<Metric> {
    let name = spelled(name);
    let named = METRICS.iter().find(|(known, _)| *known == name);
    named.map(|(_, metric)| *metric)
}

/// The metric that a text names somewhere, and what else it says: `Sum Processed Prompt Tokens, gpt-4o` is about
/// `gpt-4o`.
pub(super) fn metric_within(text: &str) -> Option<(Metric, String)> {
    // Letters and digits with their places, so that the name is found whatever is between its words.
    let letters: Vec<(usize, char)> = text
        .char_indices()
        .filter(|(_, letter)| letter.is_ascii_alphanumeric())
        .map(|(at, letter)| (at, letter.to_ascii_lowercase()))
        .collect();
    let spelled: String = letters.iter().map(|(_, letter)| *letter).collect();
    METRICS.iter().find_map(|(name, metric)| {
        let start = spelled.find(name)?;
        let (from, _) = *letters.get(start)?;
        let (to, _) = *letters.get(start + name.len() - 1)?;
        let rest = format!("{} {}", text.get(..from)?, text.get(to + 1..)?);
        Some((*metric, rest))
    })
}

/// The deployment in what a column says besides the metric.
pub(super) fn deployment(text: &str) -> &str {
    const SEPARATORS: [char; 9] = [' ', ',', '|', ':', ';', '=', '-', '"', '\t'];
    let mut name = text.trim_matches(SEPARATORS);
    loop {
        let before = name;
        for word in ["(sum)", "(total)", "sum", "total", "modeldeploymentname"] {
            name = without(name, word).trim_matches(SEPARATORS);
        }
        if name == before {
            return name;
        }
    }
}

/// A text without a word at its beginning or end.
fn without<'a>(text: &'a str, word: &str) -> &'a str {
    let ends_word = |next: Option<char>| next.is_none_or(|it| " ,|:;=\t".contains(it));
    if let Some((head, rest)) = text.split_at_checked(word.len())
        && head.eq_ignore_ascii_case(word)
        && ends_word(rest.chars().next())
    {
        return rest;
    }
    let split = text.len().checked_sub(word.len());
    if let Some((rest, tail)) = split.and_then(|at| text.split_at_checked(at))
        && tail.eq_ignore_ascii_case(word)
        && ends_word(rest.chars().next_back())
    {
        return rest;
    }
    text
}

/// Whether a column is the time.
pub(super) fn is_time(header: &str) -> bool {
    TIME.contains(&spelled(header).as_str())
}

/// A whole number; Azure writes sums with zero decimals, and nothing or `--` for no value. Three digits behind a comma
/// are thousands as often as decimals: nobody can tell.
pub(super) fn count(text: &str) -> Option<i64> {
    if matches!(text, "" | "--" | "null") {
        return Some(0);
    }
    let (whole, decimals) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_clear = !(text.contains(',') && decimals.len() == 3);
    let is_whole = is_clear && decimals.bytes().all(|digit| digit == b'0');
    whole.parse().ok().filter(|count| is_whole && *count >= 0)
}

/// `2026-01-31T14:00`, and `1/31/2026 2:00 PM`, where AM and PM tell in which order the numbers are.
const LOCAL: [&str; 3] = [
    "[year]-[month]-[day]T[hour]:[minute]",
    "[month padding:none]/[day padding:none]/[year]T[hour repr:12 padding:none]:[minute]:[second] [period]",
    "[month padding:none]/[day padding:none]/[year]T[hour repr:12 padding:none]:[minute] [period]",
];

/// A moment; without a zone it is UTC.
pub(super) fn moment(text: &str) -> Option<SystemTime> {
    if let Ok(moment) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(moment.into());
    }
    if let Ok(date) = Date::parse(text, &Iso8601::DATE) {
        return Some(date.midnight().assume_utc().into());
    }
    let joined = text.replacen(", ", " ", 1).replacen(' ', "T", 1);
    if let Ok(moment) = OffsetDateTime::parse(&format!("{joined}Z"), &Rfc3339) {
        return Some(moment.into());
    }
    let local = |format: &&str| {
        let format = parse_borrowed::<2>(format).ok()?;
        PrimitiveDateTime::parse(&joined, &format).ok()
    };
    let moment = LOCAL.iter().find_map(local)?;
    Some(moment.assume_utc().into())
}
