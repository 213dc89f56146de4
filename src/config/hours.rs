//! The hours of a product: what is written, and what it means.

use super::spanned::Spanned;
use time::{UtcOffset, Weekday};

use super::problem::Problem;
use super::problems::{Problems, not_empty};
use super::written::{Day, Hours};
use crate::access::{Hours as Meaning, Minute};

/// The largest UTC offset that is in use; the smallest is UTC-12.
const MAX_OFFSET_HOURS: i8 = 14;
const EVERY_DAY: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

const fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

pub(super) fn hours(written: &Spanned<Hours>, problems: &mut Problems) -> Meaning {
    let Hours {
        days,
        from,
        until,
        offset,
    } = &written.value;
    if days.is_none() && from.is_none() && until.is_none() {
        let message = "`hours` needs `days`, `from` or `until`";
        let help = "write { days: [mon, tue, wed, thu, fri], from: \"07:00\", until: \"19:00\", offset: \"+01:00\" }, or remove `hours`";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    if let Some(days) = days {
        not_empty("days", days, problems);
    }
    let from_minute = minute(from.as_ref(), Minute::START, problems);
    let until_minute = minute(until.as_ref(), Minute::END, problems);
    if from_minute == until_minute && (from.is_some() || until.is_some()) {
        let message = "`from` and `until` are the same, which could mean never or always";
        let help = "remove both for whole days";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    Meaning {
        days: match days {
            Some(days) => days.value.iter().copied().map(weekday).collect(),
            None => EVERY_DAY.to_vec(),
        },
        from: from_minute,
        until: until_minute,
        offset: offset
            .as_ref()
            .map_or(UtcOffset::UTC, |it| clock(it, problems)),
    }
}

fn minute(written: Option<&Spanned<String>>, default: Minute, problems: &mut Problems) -> Minute {
    let Some(written) = written else {
        return default;
    };
    let parsed = two_pairs(&written.value)
        .and_then(|(hours, minutes)| Minute::new(hours.into(), minutes.into()));
    parsed.unwrap_or_else(|| {
        let message = format!("`{}` is not a valid time of day", written.value);
        let help = "write hours and minutes, from \"00:00\" to \"24:00\"";
        problems.push(Problem::at(written.referenced, message).help(help));
        default
    })
}

fn clock(written: &Spanned<String>, problems: &mut Problems) -> UtcOffset {
    let text = written.value.as_str();
    let parsed = match text.split_at_checked(1) {
        Some(("+", rest)) => two_pairs(rest).map(|pairs| (1, pairs)),
        Some(("-", rest)) => two_pairs(rest).map(|pairs| (-1, pairs)),
        _ => None,
    };
    let offset = parsed.and_then(|(sign, (hours, minutes))| {
        let (hours, minutes) = (i8::try_from(hours).ok()?, i8::try_from(minutes).ok()?);
        let is_near = hours < MAX_OFFSET_HOURS || hours == MAX_OFFSET_HOURS && minutes == 0;
        let offset = UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok();
        offset.filter(|_| is_near)
    });
    offset.unwrap_or_else(|| {
        let message = format!("`{text}` is not a valid UTC offset");
        let help =
            "write \"+01:00\" or \"-08:00\"; time zone names and daylight saving time are not supported";
        problems.push(Problem::at(written.referenced, message).help(help));
        UtcOffset::UTC
    })
}

/// Reads `07:30`: two digits, a colon, two digits.
fn two_pairs(text: &str) -> Option<(u8, u8)> {
    let pair = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let (hours, minutes) = text.split_once(':')?;
    Some((pair(hours)?, pair(minutes)?))
}
