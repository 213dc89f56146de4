//! How long to wait before something that has failed is tried again.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A fifth less at most: ordinary waits stay within what was configured.
const UP_TO_A_FIFTH_LESS: RangeInclusive<f64> = 0.8..=1.0;

/// Pauses that double with each failure in a row, up to a longest one.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    last: Duration,
    spread: RangeInclusive<f64>,
    failures: u32,
}

impl Backoff {
    /// Exact pauses, for what only one process does.
    pub(crate) fn new(first: Duration, last: Duration) -> Self {
        Self {
            first,
            last,
            spread: 1.0..=1.0,
            failures: 0,
        }
    }

    /// Pauses that are up to a fifth shorter, so that replicas don't ask all at once.
    pub(crate) fn with_jitter(self) -> Self {
        self.with_spread(UP_TO_A_FIFTH_LESS)
    }

    /// Each pause is multiplied by a random factor of this range.
    pub(crate) fn with_spread(self, spread: RangeInclusive<f64>) -> Self {
        Self { spread, ..self }
    }

    /// Counts a failure; gives the pause after it.
    pub(crate) fn pause(&mut self) -> Duration {
        self.pause_up_to(self.last)
    }

    /// The same where this pause has a longest of its own. The factor comes after it.
    pub(crate) fn pause_up_to(&mut self, longest: Duration) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        let pause = self.first.saturating_mul(factor);
        spread(pause.min(longest).min(self.last), &self.spread)
    }

    /// Failures since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// After a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Between 80 and 100 % of a time, so that replicas don't ask all at once.
pub(crate) fn with_jitter(time: Duration) -> Duration {
    spread(time, &UP_TO_A_FIFTH_LESS)
}

fn spread(time: Duration, factors: &RangeInclusive<f64>) -> Duration {
    let random = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
    let factor = factors.end() - (factors.end() - factors.start()) * random;
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(500);
    const LAST: Duration = Duration::from_secs(30);

    fn pauses(backoff: &mut Backoff, count: usize) -> Vec<u128> {
        let pauses = std::iter::repeat_with(|| backoff.pause().as_millis());
        pauses.take(count).collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(FIRST, LAST);
        let doubled = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
        assert_eq!(pauses(&mut backoff, 8), doubled);
        assert_eq!(backoff.failures(), 8);
        backoff.reset();
        assert_eq!(backoff.failures(), 0);
        assert_eq!(pauses(&mut backoff, 2), [500, 1000]);
    }

    #[test]
    fn a_shorter_longest_holds_for_one_pause() {
        let mut backoff = Backoff::new(FIRST, LAST);
        let shorter = Duration::from_secs(1);
        assert_eq!(pauses(&mut backoff, 4).last(), Some(&4000));
        assert_eq!(backoff.pause_up_to(shorter), shorter);
        assert_eq!(backoff.pause(), Duration::from_secs(16), "counted on");
        assert_eq!(backoff.pause_up_to(LAST * 2), LAST, "never above the last");
    }

    #[test]
    fn any_number_of_failures_is_the_longest_pause() {
        let mut backoff = Backoff::new(FIRST, LAST);
        backoff.failures = u32::MAX;
        assert_eq!(backoff.pause(), LAST);
        assert_eq!(backoff.failures(), u32::MAX);
    }

    #[test]
    fn jitter_stays_in_its_range_and_differs() {
        for (backoff, least, most) in [
            (Backoff::new(LAST, LAST).with_jitter(), 24, 30),
            (Backoff::new(LAST, LAST).with_spread(0.5..=1.5), 15, 45),
        ] {
            let range = Duration::from_secs(least)..=Duration::from_secs(most);
            let waits: std::collections::HashSet<_> =
                std::iter::repeat_with(|| backoff.clone().pause())
                    .take(20)
                    .collect();
            assert!(waits.iter().all(|wait| range.contains(wait)), "{waits:?}");
            assert!(waits.len() > 1, "no jitter");
        }
    }

    #[test]
    fn a_wait_with_jitter_is_up_to_a_fifth_shorter() {
        let waits: Vec<_> = (0..20).map(|_| with_jitter(LAST)).collect();
        let range = LAST * 4 / 5..=LAST;
        assert!(waits.iter().all(|wait| range.contains(wait)), "{waits:?}");
        let _ = with_jitter(Duration::MAX);
    }
}
