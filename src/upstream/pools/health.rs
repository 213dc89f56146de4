//! Whether something may be asked just now: it rests for as long as it has said, or after failures for a
//! time that doubles, at whose end one request tries it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longest rest that a backend can ask for: one that says a year is asked again after this time.
const MAX_REST: Duration = Duration::from_secs(600);
/// Failures in a row until it rests.
const FAILURES: u32 = 5;
/// How long it rests for the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How long it is taken to be full after it has said so. Capacity comes back all the time.
const FULL_FOR: Duration = Duration::from_secs(5);
/// How long the one request that tries it may take until another one may.
const TRIAL: Duration = Duration::from_secs(10);

/// Why it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It has said how long: `retry-after`.
    Throttled,
    /// It has failed too often.
    Failing,
    /// It does not accept the gateway's identity.
    IdentityRejected,
}

impl Rest {
    /// The word for it in metrics and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Failing => "failing",
            Self::IdentityRejected => "identity_rejected",
        }
    }
}

/// What is known just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It may be asked.
    Ready,
    /// It may be asked, but has no room by its own account: others of its priority come first.
    Full,
    /// It has rested, and one request may try it.
    Trial,
    /// It rests until then.
    Resting(Instant, Rest),
    /// There is no token of its own identity.
    NoToken,
}

/// The health of a backend, or of one deployment at it.
#[derive(Debug, Default)]
pub struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rest: Option<(Instant, Rest)>,
    /// In a row.
    failures: u32,
    /// Rests in a row, for failures.
    pauses: u32,
    trial_until: Option<Instant>,
    full_until: Option<Instant>,
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known at a moment.
    pub fn at(&self, now: Instant) -> Availability {
        let state = self.state();
        match state.rest {
            Some((until, why)) if now < until => Availability::Resting(until, why),
            None | Some((_, Rest::Throttled)) => match state.full_until {
                Some(until) if now < until => Availability::Full,
                _ => Availability::Ready,
            },
            Some((_, why)) => match state.trial_until {
                Some(until) if now < until => Availability::Resting(until, why),
                _ => Availability::Trial,
            },
        }
    }

    /// Takes the one trial; `false` where another request has it.
    pub fn take_trial(&self, now: Instant) -> bool {
        let mut state = self.state();
        let is_free = state.trial_until.is_none_or(|until| until <= now);
        if is_free {
            state.trial_until = Some(now + TRIAL);
        }
        is_free
    }

    /// It rests for a time; a longer rest goes on.
    pub fn rest(&self, now: Instant, time: Duration, why: Rest) {
        let mut state = self.state();
        let until = now + time.min(MAX_REST);
        state.trial_until = None;
        if state.rest.is_none_or(|(current, _)| current < until) {
            state.rest = Some((until, why));
        }
    }

    /// It has answered and has no more room, by its own account.
    pub fn full(&self, now: Instant) {
        self.state().full_until = Some(now + FULL_FOR);
    }

    /// It has failed.
    pub fn failed(&self, now: Instant, why: Rest) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let is_trial = state.trial_until.take().is_some();
        let is_over = state.rest.is_none_or(|(until, _)| until <= now);
        if is_over && (is_trial || state.failures >= FAILURES || why == Rest::IdentityRejected) {
            let pause = FIRST_PAUSE.saturating_mul(1 << state.pauses.min(5));
            state.pauses = state.pauses.saturating_add(1);
            state.rest = Some((now + pause.min(MAX_PAUSE), why));
        }
    }

    /// It has answered. A rest that it has asked for goes on: the answer may be older.
    pub fn served(&self, now: Instant) {
        let mut state = self.state();
        let rest = state
            .rest
            .filter(|(until, why)| *why == Rest::Throttled && now < *until);
        *state = State {
            rest,
            ..State::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_rests_for_as_long_as_it_says_and_not_for_a_year() {
        let (health, now) = (Health::default(), Instant::now());
        health.rest(now, Duration::from_millis(1500), Rest::Throttled);
        let until = now + Duration::from_millis(1500);
        assert_eq!(
            health.at(now),
            Availability::Resting(until, Rest::Throttled)
        );
        // An answer to a request that went out before, and a shorter rest.
        health.served(now);
        health.rest(now, seconds(1), Rest::Throttled);
        assert_eq!(
            health.at(now),
            Availability::Resting(until, Rest::Throttled)
        );
        assert_eq!(health.at(until), Availability::Ready);
        health.rest(now, seconds(31_536_000), Rest::Throttled);
        assert_eq!(health.at(now + MAX_REST), Availability::Ready);
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_trial_closes_it() {
        let (health, now) = (Health::default(), Instant::now());
        for _ in 1..FAILURES {
            health.failed(now, Rest::Failing);
        }
        assert_eq!(health.at(now), Availability::Ready);
        health.failed(now, Rest::Failing);
        let until = now + FIRST_PAUSE;
        assert_eq!(health.at(now), Availability::Resting(until, Rest::Failing));
        assert_eq!(health.at(until), Availability::Trial);
        assert!(health.take_trial(until));
        assert!(!health.take_trial(until), "two trials at once");
        health.failed(until, Rest::Failing);
        let again = until + 2 * FIRST_PAUSE;
        assert_eq!(
            health.at(until),
            Availability::Resting(again, Rest::Failing)
        );
        assert!(health.take_trial(again));
        health.served(again);
        assert_eq!(health.at(again), Availability::Ready);
        health.failed(again, Rest::Failing);
        assert_eq!(
            health.at(again),
            Availability::Ready,
            "the count began anew"
        );
    }

    #[test]
    fn a_trial_that_never_ends_does_not_keep_it_out() {
        let (health, now) = (Health::default(), Instant::now());
        health.failed(now, Rest::IdentityRejected);
        let later = now + FIRST_PAUSE;
        assert!(health.take_trial(later));
        assert_eq!(health.at(later + TRIAL), Availability::Trial);
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        let (health, now) = (Health::default(), Instant::now());
        for _ in 0..3 * FAILURES {
            health.failed(now, Rest::Failing);
            health.served(now);
        }
        assert_eq!(health.at(now), Availability::Ready);
    }

    #[test]
    fn it_is_full_until_an_answer_says_otherwise_and_not_for_long() {
        let (health, now) = (Health::default(), Instant::now());
        health.full(now);
        assert_eq!(health.at(now), Availability::Full);
        assert_eq!(health.at(now + FULL_FOR), Availability::Ready);
        health.rest(now, seconds(1), Rest::Throttled);
        assert!(matches!(health.at(now), Availability::Resting(..)));
        assert_eq!(health.at(now + seconds(1)), Availability::Full);
        health.served(now + seconds(1));
        assert_eq!(health.at(now + seconds(1)), Availability::Ready);
    }
}
