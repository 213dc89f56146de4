//! A key as a caller presents it: what it is found by, and what it is called in records.

use super::key::{ID_CHARS, id_in};
use super::{KeyDigest, KeyFormatError};

/// A text that has the form of a key, without its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedKey {
    digest: KeyDigest,
    id: [u8; ID_CHARS],
}

impl PresentedKey {
    /// Reads a key.
    ///
    /// # Errors
    /// [`KeyFormatError`] where prefix, length, alphabet or checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, KeyFormatError> {
        let digest = KeyDigest::of_presented(text)?;
        let id = id_in(text).as_bytes().try_into();
        let id = id.map_err(|_| KeyFormatError::NotAKey)?;
        Ok(Self { digest, id })
    }

    /// A key that was presented elsewhere; `None` where this is not the id of one.
    pub fn of(digest: [u8; 32], id: &str) -> Option<Self> {
        Some(Self {
            digest: KeyDigest::of_bytes(digest),
            id: id.as_bytes().try_into().ok()?,
        })
    }

    /// What it is found by.
    pub const fn digest(&self) -> &KeyDigest {
        &self.digest
    }

    /// Its public part, which names it.
    pub fn id(&self) -> &str {
        std::str::from_utf8(&self.id).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Key;

    #[test]
    fn a_key_says_its_id_and_keeps_its_secret() {
        let key = Key::generate().expect("a key");
        let presented = PresentedKey::parse(key.expose()).expect("a tollgate key");
        assert_eq!(presented.id(), key.id());
        let digest = KeyDigest::of_presented(key.expose()).expect("a tollgate key");
        assert_eq!(presented.digest(), &digest);
        assert!(digest.to_hex().starts_with(&digest.short()));
        assert_eq!(digest.short().len(), 16);
        let secret = key.expose().get(15..).expect("a secret");
        assert!(!format!("{presented:?}").contains(secret));
        let mistyped = key.expose().replace("tgk_", "tgk-");
        assert_eq!(PresentedKey::parse(&mistyped), Err(KeyFormatError::NotAKey));
    }
}
