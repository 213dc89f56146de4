//! Moments as numbers. Here a moment is a [`SystemTime`] and a span a [`Duration`]; files, databases, messages
//! and other crates want the time since 1970, which is made and read here only. What is before 1970 is 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970.
pub(crate) fn since_1970(moment: SystemTime) -> Duration {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The time since 1970 now.
pub(crate) fn now() -> Duration {
    since_1970(SystemTime::now())
}

/// Milliseconds since 1970.
pub(crate) fn millis(moment: SystemTime) -> i64 {
    i64::try_from(since_1970(moment).as_millis()).unwrap_or(i64::MAX)
}

/// The moment so many milliseconds after 1970; `None` where no clock shows it.
pub(crate) fn of_millis(millis: i64) -> Option<SystemTime> {
    let since = Duration::from_millis(u64::try_from(millis).ok()?);
    UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_number_that_it_was_made_of() {
        for number in [0, 1, 1_798_761_600_123] {
            let moment = of_millis(number).expect("a moment");
            assert_eq!(millis(moment), number);
        }
        assert_eq!(of_millis(-1), None);
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(millis(before), 0);
    }
}
