//! Numbers, money and moments as a person reads them.

use std::time::{Duration, SystemTime};

use crate::digits;
use crate::unix_time::{millis, of_millis};
use crate::usage::{Amount, rfc3339};

/// Decimals of a cost.
const COST_DECIMALS: usize = 4;
/// Keeps the digits of a number together, and apart.
const THIN_SPACE: char = '\u{202f}';

/// `1 234 567`
pub(super) fn count(count: u64) -> String {
    digits::grouped(count, THIN_SPACE)
}

/// An amount of money, for a person and exact.
pub(super) fn money(amount: Amount) -> (String, String) {
    let rounded = amount.rounded(COST_DECIMALS);
    (rounded.to_string_with(COST_DECIMALS), amount.to_string())
}

/// `2026-11-28 09:30:00 UTC`
pub(super) fn moment(at: SystemTime) -> String {
    let text = rfc3339(millis(at) / 1_000 * 1_000);
    match text.strip_suffix('Z').and_then(|it| it.split_once('T')) {
        Some((date, time)) => format!("{date} {time} UTC"),
        None => text,
    }
}

/// A moment in milliseconds since 1970.
pub(super) fn moment_of_millis(at: i64) -> String {
    of_millis(at).map(moment).unwrap_or_default()
}

/// A moment in seconds since 1970, and how far away it is.
pub(super) fn moment_of_seconds(at: u64, now: SystemTime) -> String {
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at));
    at.map(|at| moment_and_distance(at, now))
        .unwrap_or_default()
}

/// `2026-11-28 09:30:00 UTC (in 3 days)`
pub(super) fn moment_and_distance(at: SystemTime, now: SystemTime) -> String {
    let distance = match at.duration_since(now) {
        Ok(left) => format!("in {}", span(left)),
        Err(error) => format!("{} ago", span(error.duration())),
    };
    format!("{} ({distance})", moment(at))
}

/// In the largest unit that says enough.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (number, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{number} {unit}")
}

/// How much a part is of a whole, in percent, at most 100.
pub(super) fn percent(part: u64, whole: u64) -> u8 {
    let percent = (u128::from(part) * 100).checked_div(u128::from(whole));
    u8::try_from(percent.unwrap_or(0).min(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_money_is_exact_behind_what_is_shown() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        let amount = Amount::from_nanos(1_234_567_890);
        assert_eq!(
            money(amount),
            ("1.2346".to_owned(), "1.23456789".to_owned())
        );
    }

    #[test]
    fn moments_say_how_far_away_they_are() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_079_600);
        let day = Duration::from_secs(86_400);
        assert_eq!(
            moment_and_distance(now + 3 * day, now),
            "2026-12-03 23:00:00 UTC (in 3 days)"
        );
        assert_eq!(
            moment_of_seconds(1_796_079_510, now),
            "2026-11-30 22:58:30 UTC (90 s ago)"
        );
        assert_eq!(
            moment_of_millis(1_796_079_600_999),
            "2026-11-30 23:00:00 UTC"
        );
        for (seconds, text) in [(0, "0 s"), (150, "2 min"), (7_300, "2 h"), (90_000, "25 h")] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_part_is_never_more_than_all() {
        for (part, whole, expected) in [(1, 3, 33), (5, 3, 100), (1, 0, 0), (u64::MAX, 1, 100)] {
            assert_eq!(percent(part, whole), expected);
        }
    }
}
