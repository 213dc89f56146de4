//! How far this machine's clock is from a server's.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::finding::Subject;
use super::patience::in_words;
use crate::unix_time;

/// Tokens and certificates are judged by the clock; issuers leave some leeway.
const WARN_FROM: Duration = Duration::from_secs(30);
/// More than any leeway.
const ERROR_FROM: Duration = Duration::from_secs(300);

/// Compares the clock with the `date` of an answer that has just come.
pub(super) fn examine(date: Option<&str>, subject: &mut Subject) {
    let Some(theirs) = date.and_then(read) else {
        subject.skipped("clock", "the answer does not say when it was given");
        return;
    };
    let ours = unix_time::now();
    let apart = ours.abs_diff(theirs);
    let message = format!("this machine's clock is {} off", in_words(apart));
    let direction = match ours > theirs {
        true => "ahead",
        false => "behind",
    };
    let advice = format!(
        "it is {direction} by the clock of the backend: let NTP set this machine's clock, because the ends of tokens and certificates are judged by it"
    );
    match apart {
        apart if apart > ERROR_FROM => subject.error("clock", message, advice),
        apart if apart > WARN_FROM => subject.warning("clock", message, advice),
        _ => subject.ok("clock", "this machine's clock agrees with the backend's"),
    }
}

/// An HTTP date, since 1970: the form that servers must write (RFC 9110, section 5.6.7).
fn read(date: &str) -> Option<Duration> {
    let at = OffsetDateTime::parse(date, &Rfc2822).ok()?;
    let seconds = u64::try_from(at.unix_timestamp()).ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Outcome;

    #[test]
    fn a_date_is_read_as_servers_write_it() {
        let read = |text| super::read(text).map(|it| it.as_secs());
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for not in ["", "yesterday", "Sun, 06 Nov 1894 08:49:37 GMT"] {
            assert_eq!(read(not), None, "{not}");
        }
    }

    #[test]
    fn a_clock_is_off_in_either_direction() {
        let now = OffsetDateTime::now_utc();
        for (apart_s, outcome) in [
            (0, Outcome::Ok),
            (20, Outcome::Ok),
            (60, Outcome::Warning),
            (-60, Outcome::Warning),
            (400, Outcome::Error),
            (-400, Outcome::Error),
        ] {
            let at = now + time::Duration::seconds(apart_s);
            let date = at.format(&Rfc2822).expect("a date");
            let mut subject = Subject::new("backend a");
            examine(Some(&date), &mut subject);
            let checks = subject.into_checks();
            assert_eq!(checks[0].result, outcome, "{apart_s} s: {checks:?}");
        }
        let mut subject = Subject::new("backend a");
        examine(None, &mut subject);
        assert_eq!(subject.into_checks()[0].result, Outcome::Skipped);
    }
}
