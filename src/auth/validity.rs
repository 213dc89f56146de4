//! When and whether a key is valid.

use std::time::SystemTime;

use super::AuthError;

/// From when to when a key is valid, and whether somebody has suspended or revoked it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// Valid from this time on; always was if absent.
    pub not_before: Option<SystemTime>,
    /// Valid until just before this time; without an end if absent.
    pub not_after: Option<SystemTime>,
    /// Whether it is in use.
    pub state: KeyState,
}

/// What somebody has decided about a key.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// In use.
    #[default]
    Active,
    /// Suspended, and may be resumed.
    Suspended,
    /// Revoked permanently.
    Revoked,
}

impl KeyState {
    /// Its name in the configuration, in lists and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads such a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Revoked]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

impl Validity {
    /// Whether the key is valid at a time.
    ///
    /// # Errors
    /// [`AuthError`] with the reason why not.
    pub fn check(&self, now: SystemTime) -> Result<(), AuthError> {
        match self.state {
            KeyState::Revoked => return Err(AuthError::KeyRevoked),
            KeyState::Suspended => return Err(AuthError::KeySuspended),
            KeyState::Active => {}
        }
        if self.not_before.is_some_and(|from| now < from) {
            return Err(AuthError::KeyNotYetValid);
        }
        if self.not_after.is_some_and(|until| now >= until) {
            return Err(AuthError::KeyExpired);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_is_good_from_its_first_to_before_its_last_moment() {
        let validity = Validity {
            not_before: Some(at(100)),
            not_after: Some(at(200)),
            state: KeyState::Active,
        };
        assert_eq!(validity.check(at(99)), Err(AuthError::KeyNotYetValid));
        assert_eq!(validity.check(at(100)), Ok(()));
        assert_eq!(validity.check(at(199)), Ok(()));
        assert_eq!(validity.check(at(200)), Err(AuthError::KeyExpired));
    }

    #[test]
    fn a_key_that_was_stopped_is_not_good_at_any_time() {
        for (state, error) in [
            (KeyState::Suspended, AuthError::KeySuspended),
            (KeyState::Revoked, AuthError::KeyRevoked),
        ] {
            let validity = Validity {
                state,
                ..Validity::default()
            };
            assert_eq!(validity.check(at(0)), Err(error));
        }
    }

    #[test]
    fn a_key_without_limits_is_good_for_ever() {
        assert_eq!(Validity::default().check(at(u64::from(u32::MAX))), Ok(()));
    }
}
