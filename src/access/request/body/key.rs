//! Names of members, and that those which decide occur once, spelled exactly.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A member's name, borrowed unless it has escapes.
pub(super) struct Key<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Which of the deciding members of an object have been seen.
pub(super) struct Seen {
    names: &'static [&'static str],
    /// A bit for each name.
    bits: u64,
}

impl Seen {
    /// None of these names, of which there are at most 64.
    pub(super) const fn none_of(names: &'static [&'static str]) -> Self {
        Self { names, bits: 0 }
    }

    /// Refuses a deciding member that is a duplicate or spelled otherwise.
    pub(super) fn mark<E: Error>(&mut self, key: &str) -> Result<(), E> {
        let mut names = self.names.iter().zip(0_u32..);
        let Some((name, at)) = names.find(|(name, _)| name.eq_ignore_ascii_case(key)) else {
            return Ok(());
        };
        if *name != key {
            return Err(E::custom(format_args!(
                "write the member `{name}` in lower case"
            )));
        }
        let bit = 1_u64.checked_shl(at).unwrap_or(0);
        if self.bits & bit != 0 {
            return Err(E::custom(format_args!("duplicate member `{name}`")));
        }
        self.bits |= bit;
        Ok(())
    }
}

/// A member's name as far as it is shown in a message: a caller can make it as long as the body.
pub(super) fn clip(name: &str) -> String {
    const MAX_CHARACTERS: usize = 64;
    match name.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}
