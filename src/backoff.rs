//! How long to wait before something that has failed is tried again.

use std::time::Duration;

/// The wait after the first failure; it doubles from there.
pub(crate) const FIRST: Duration = Duration::from_secs(1);
/// Doublings that are counted: more would be longer than any wait.
const MAX_DOUBLINGS: u32 = 10;

/// The wait after so many failures in a row: 1 s, doubled with each, `longest` at most; with jitter.
pub(crate) fn after(failures: u32, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(MAX_DOUBLINGS);
    with_jitter(FIRST.saturating_mul(1 << doublings).min(longest))
}

/// Between 80 and 100 % of a time, so that replicas don't ask all at once.
pub(crate) fn with_jitter(time: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0);
    time - (time / 5).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ() {
        let longest = Duration::from_secs(30);
        for (failures, seconds) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (3, 4),
            (5, 16),
            (6, 30),
            (u32::MAX, 30),
        ] {
            let (most, wait) = (Duration::from_secs(seconds), after(failures, longest));
            assert!(
                wait <= most && wait >= most.mul_f64(0.799),
                "{failures}: {wait:?}"
            );
        }
        let waits: std::collections::HashSet<_> = (0..20).map(|_| with_jitter(longest)).collect();
        assert!(waits.len() > 1, "no jitter");
    }
}
