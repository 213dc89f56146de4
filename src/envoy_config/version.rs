//! Versions of Envoy, as far as they differ in what is written for them.

use std::fmt;

/// A version that the configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32);

/// The first one that chooses a cluster anew for a retry.
const REFRESHES: Version = Version(1, 39);

impl Default for Version {
    /// What the tests run.
    fn default() -> Self {
        Self(1, 40)
    }
}

impl Version {
    /// The first one that takes the rest of what is written.
    pub const OLDEST: Self = Self(1, 37);

    /// The numbers of `1.38` or `1.38.3`, of whatever age.
    pub fn read(text: &str) -> Option<Self> {
        let numbers: Option<Vec<u32>> = text.split('.').map(|it| it.parse().ok()).collect();
        match numbers.as_deref() {
            Some([major, minor] | [major, minor, _]) => Some(Self(*major, *minor)),
            _ => None,
        }
    }

    /// Reads `1.38` or `1.38.3`.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let version = Self::read(text)
            .ok_or_else(|| format!("`{text}` is not a version of Envoy: write `1.38`"))?;
        match version < Self::OLDEST {
            true => Err(format!(
                "nothing can be written for Envoy {text}: the oldest is {}",
                Self::OLDEST
            )),
            false => Ok(version),
        }
    }

    /// The version that a file is for, by its first line.
    pub fn of_file(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("# Envoy ")?;
        Self::parse(rest.split(' ').next()?).ok()
    }

    /// Whether another cluster can be chosen for each attempt.
    pub fn refreshes(self) -> bool {
        self >= REFRESHES
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_says_what_it_can() {
        for (text, refreshes) in [
            ("1.37", false),
            ("1.38.3", false),
            ("1.39.0", true),
            ("1.41", true),
            ("2.0", true),
        ] {
            assert_eq!(
                Version::parse(text).map(Version::refreshes),
                Ok(refreshes),
                "{text}"
            );
        }
        assert!(Version::default().refreshes());
        for (text, why) in [
            ("1.36.4", "the oldest is 1.37"),
            ("1.33", "the oldest is 1.37"),
            ("v1.38", "not a version"),
            ("1", "not a version"),
            ("1.38.x", "not a version"),
            ("", "not a version"),
        ] {
            let said = Version::parse(text).expect_err("wrong");
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
