//! The hours of the week in which a product may be used.

use std::time::SystemTime;

use time::{OffsetDateTime, UtcOffset, Weekday};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A minute of a day, from 00:00 to 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(u16);

impl Minute {
    /// 00:00, the beginning of a day.
    pub const START: Self = Self(0);
    /// 24:00, the end of a day.
    pub const END: Self = Self(DAY);

    /// `hours:minutes`; `None` where no day has it.
    pub fn new(hours: u16, minutes: u16) -> Option<Self> {
        let minute = hours.checked_mul(60)?.checked_add(minutes)?;
        (minutes < 60 && minute <= DAY).then_some(Self(minute))
    }
}

/// A window that opens on some days of the week, by a clock at a fixed distance from UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The days on which it opens.
    pub days: Vec<Weekday>,
    /// When it opens.
    pub from: Minute,
    /// When it closes: on the same day, or on the next one if this is not after `from`.
    pub until: Minute,
    /// The clock.
    pub offset: UtcOffset,
}

impl Hours {
    /// Whether the window is open at a moment. It opens at `from` and is closed at `until`.
    pub fn is_open(&self, at: SystemTime) -> bool {
        // Beyond the year 9999 no clock is right.
        let local = OffsetDateTime::from(at).checked_to_offset(self.offset);
        let Some(local) = local else {
            return false;
        };
        let now = Minute(u16::from(local.hour()) * 60 + u16::from(local.minute()));
        let opens_on = |day| self.days.contains(&day);
        let today = local.weekday();
        match self.from < self.until {
            true => opens_on(today) && self.from <= now && now < self.until,
            false => {
                opens_on(today) && self.from <= now
                    || opens_on(today.previous()) && now < self.until
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn hours(days: &[Weekday], from: (u16, u16), until: (u16, u16), offset: (i8, i8)) -> Hours {
        Hours {
            days: days.to_vec(),
            from: Minute::new(from.0, from.1).expect("a minute"),
            until: Minute::new(until.0, until.1).expect("a minute"),
            offset: UtcOffset::from_hms(offset.0, offset.1, 0).expect("an offset"),
        }
    }

    fn assert_open(hours: &Hours, open: &[&str], closed: &[&str]) {
        let at = |text: &&str| {
            SystemTime::from(OffsetDateTime::parse(text, &Rfc3339).expect("a moment"))
        };
        for moment in open {
            assert!(hours.is_open(at(moment)), "open at {moment}: {hours:?}");
        }
        for moment in closed {
            assert!(!hours.is_open(at(moment)), "closed at {moment}: {hours:?}");
        }
    }

    // 2026-11-23 is a Monday.

    #[test]
    fn a_window_of_working_days_opens_and_closes_to_the_minute() {
        let office = [Weekday::Monday, Weekday::Tuesday];
        assert_open(
            &hours(&office, (7, 0), (19, 0), (0, 0)),
            &["2026-11-23T07:00:00Z", "2026-11-24T18:59:59Z"],
            &[
                "2026-11-23T06:59:59Z",
                "2026-11-23T19:00:00Z",
                "2026-11-25T12:00:00Z",
                "2026-11-22T12:00:00Z",
            ],
        );
    }

    #[test]
    fn the_day_and_the_hour_are_those_of_the_offset() {
        assert_open(
            &hours(&[Weekday::Monday], (0, 0), (8, 0), (5, 30)),
            &["2026-11-22T18:30:00Z", "2026-11-23T02:29:59Z"],
            &["2026-11-22T18:29:59Z", "2026-11-23T02:30:00Z"],
        );
        assert_open(
            &hours(&[Weekday::Sunday], (20, 0), (24, 0), (-8, 0)),
            &["2026-11-23T04:00:00Z", "2026-11-23T07:59:59Z"],
            &["2026-11-23T03:59:59Z", "2026-11-23T08:00:00Z"],
        );
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_opens() {
        assert_open(
            &hours(&[Weekday::Friday], (22, 0), (6, 0), (0, 0)),
            &[
                "2026-11-27T22:00:00Z",
                "2026-11-28T00:00:00Z",
                "2026-11-28T05:59:59Z",
            ],
            &[
                "2026-11-27T05:00:00Z",
                "2026-11-27T21:59:59Z",
                "2026-11-28T06:00:00Z",
                "2026-11-28T22:00:00Z",
            ],
        );
    }

    #[test]
    fn a_minute_is_one_of_a_day() {
        assert_eq!(Minute::new(24, 0), Some(Minute::END));
        assert_eq!(Minute::new(0, 0), Some(Minute::START));
        for (hours, minutes) in [(24, 1), (25, 0), (0, 60), (u16::MAX, 0), (0, u16::MAX)] {
            assert_eq!(Minute::new(hours, minutes), None, "{hours}:{minutes}");
        }
    }
}
