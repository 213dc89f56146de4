//! Where the periods of quotas begin and end, in a time zone with all its changes of clocks.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::rule::Period;

/// A calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar(TimeZone);

/// A name that no time zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such time zone")]
pub struct NoTimeZone;

impl Default for Calendar {
    /// In UTC.
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Calendar {
    /// The calendar of a zone of the IANA database, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`NoTimeZone`]
    pub fn new(zone: &str) -> Result<Self, NoTimeZone> {
        TimeZone::get(zone).map(Self).map_err(|_| NoTimeZone)
    }

    /// The period that a moment is in, in milliseconds since 1970: the end is not part of it.
    pub fn period(&self, period: Period, unix_ms: i64) -> Range<i64> {
        let found = self.find(period, unix_ms);
        // Beyond the year 9999 no clock is right.
        found.unwrap_or(unix_ms..i64::MAX)
    }

    fn find(&self, period: Period, unix_ms: i64) -> Option<Range<i64>> {
        let now = Timestamp::from_millisecond(unix_ms).ok()?;
        let now = now.to_zoned(self.0.clone());
        let today = now.date();
        let days = |from: Date, until: Option<Date>| {
            let midnight = |date: Date| Some(start_ms(&date.to_zoned(self.0.clone()).ok()?));
            Some(midnight(from)?..midnight(until?)?)
        };
        match period {
            Period::Hour => {
                let hour = now.with().minute(0).second(0).subsec_nanosecond(0);
                let from = start_ms(&hour.build().ok()?);
                Some(from..from.checked_add(3_600_000)?)
            }
            Period::Day => days(today, today.tomorrow().ok()),
            Period::Week => {
                let passed = i64::from(today.weekday().to_monday_zero_offset());
                let monday = today.checked_sub(passed.days()).ok()?;
                days(monday, monday.checked_add(7.days()).ok())
            }
            Period::Month => days(
                today.first_of_month(),
                today.last_of_month().tomorrow().ok(),
            ),
            Period::Year => days(today.first_of_year(), today.last_of_year().tomorrow().ok()),
        }
    }

    /// The name of its zone.
    pub fn zone(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// A moment as a person reads it, with the zone's offset: `2026-12-01T00:00:00+01:00`.
    pub fn written(&self, unix_ms: i64) -> String {
        let Ok(moment) = Timestamp::from_millisecond(unix_ms) else {
            return "never".to_owned();
        };
        let zoned = moment.to_zoned(self.0.clone());
        match self.0 == TimeZone::UTC {
            true => zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            false => zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }
}

fn start_ms(moment: &Zoned) -> i64 {
    moment.timestamp().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        let moment: Timestamp = text.parse().expect("a moment");
        moment.as_millisecond()
    }

    fn check(zone: &str, period: Period, at: &str, from: &str, until: &str) {
        let calendar = Calendar::new(zone).expect("a zone");
        let found = calendar.period(period, ms(at));
        assert_eq!(found, ms(from)..ms(until), "{zone} {period:?} {at}");
    }

    #[test]
    fn periods_begin_and_end_where_the_zone_says() {
        let new_york = "America/New_York";
        for (period, from, until) in [
            (Period::Hour, "2026-11-28T01:00:00Z", "2026-11-28T02:00:00Z"),
            (Period::Day, "2026-11-27T05:00:00Z", "2026-11-28T05:00:00Z"),
            (Period::Week, "2026-11-23T05:00:00Z", "2026-11-30T05:00:00Z"),
            (
                Period::Month,
                "2026-11-01T04:00:00Z",
                "2026-12-01T05:00:00Z",
            ),
            (Period::Year, "2026-01-01T05:00:00Z", "2027-01-01T05:00:00Z"),
        ] {
            check(new_york, period, "2026-11-28T01:30:00Z", from, until);
        }
    }

    #[test]
    fn a_day_on_which_clocks_change_has_23_or_25_hours() {
        let day = Period::Day;
        check(
            "Europe/Berlin",
            day,
            "2026-03-29T10:00:00Z",
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
        );
        check(
            "Europe/Berlin",
            day,
            "2026-10-25T10:00:00Z",
            "2026-10-24T22:00:00Z",
            "2026-10-25T23:00:00Z",
        );
        // Midnight itself does not exist on this day.
        check(
            "America/Sao_Paulo",
            day,
            "2018-11-04T12:00:00Z",
            "2018-11-04T03:00:00Z",
            "2018-11-05T02:00:00Z",
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_two_hours() {
        let hour = Period::Hour;
        check(
            "Europe/Berlin",
            hour,
            "2026-10-25T00:30:00Z",
            "2026-10-25T00:00:00Z",
            "2026-10-25T01:00:00Z",
        );
        check(
            "Europe/Berlin",
            hour,
            "2026-10-25T01:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T02:00:00Z",
        );
    }

    #[test]
    fn every_moment_is_in_its_period_and_periods_follow_each_other() {
        for zone in [
            "UTC",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
        ] {
            let calendar = Calendar::new(zone).expect("a zone");
            for period in [
                Period::Hour,
                Period::Day,
                Period::Week,
                Period::Month,
                Period::Year,
            ] {
                let mut at = ms("2026-01-01T00:00:00Z");
                for _ in 0..2_000 {
                    let found = calendar.period(period, at);
                    assert!(found.contains(&at), "{zone} {period:?} {at} {found:?}");
                    at += 17 * 60_000 * 60;
                }
            }
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        assert_eq!(Calendar::new("Europe/Atlantis"), Err(NoTimeZone));
        let berlin = Calendar::new("Europe/Berlin").expect("a zone");
        let written = berlin.written(ms("2026-11-30T23:00:00Z"));
        assert_eq!(written, "2026-12-01T00:00:00+01:00");
        let written = Calendar::default().written(ms("2026-11-30T23:00:00Z"));
        assert_eq!(written, "2026-11-30T23:00:00Z");
    }
}
