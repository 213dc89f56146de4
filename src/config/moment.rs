//! Moments as people write them: a date, or RFC 3339.

use std::time::SystemTime;

use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};

/// Reads `2027-01-01` (its beginning, in UTC) or `2027-01-01T12:00:00Z`.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let is_date = text.len() == "2027-01-01".len();
    let moment = match is_date {
        true => Date::parse(text, &Iso8601::DATE)
            .ok()?
            .midnight()
            .assume_utc(),
        false => OffsetDateTime::parse(text, &Rfc3339).ok()?,
    };
    Some(moment.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_and_moments_are_read_and_nothing_else() {
        let new_year = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600);
        assert_eq!(parse("2027-01-01"), Some(new_year));
        assert_eq!(parse("2027-01-01T00:00:00Z"), Some(new_year));
        assert_eq!(parse("2027-01-01T02:00:00+02:00"), Some(new_year));
        for wrong in [
            "",
            "2027",
            "2027-13-01",
            "2027-02-30",
            "01.01.2027",
            "2027-01-01T00:00:00",
            "soon",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
