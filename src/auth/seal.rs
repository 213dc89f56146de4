//! Texts that only those can read and make who share a key: AES-256-GCM-SIV (RFC 8452), whose nonces may be random,
//! and stay safe where one comes twice.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How a sealed text is made.
const VERSION: u8 = 1;
/// Bytes that tell keys apart.
const ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Largest sealed text that is looked at, in characters: a chain of certificates is in it at most.
const MAX_SEALED_CHARS: usize = 320 * 1024;

/// Keys: the first seals, each of them opens.
pub struct SealKeys(Vec<SealKey>);

struct SealKey {
    id: [u8; ID_BYTES],
    key: RandomizedNonceKey,
}

/// Why a sealed text can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It has another form.
    #[error("it is not a sealed text of this version")]
    Malformed,
    /// None of the keys here has sealed it.
    #[error("it was sealed with a key that is not here")]
    UnknownKey,
    /// It was changed, or is of something else.
    #[error("it was changed, or sealed for another request")]
    Forged,
}

/// No key can be made of it, or nothing can be sealed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library has failed")]
pub struct SealFailed;

impl SealKeys {
    /// The length of a key, in bytes.
    pub const KEY_BYTES: usize = 32;

    /// Keys, the first of which seals.
    ///
    /// # Errors
    /// [`SealFailed`]
    pub fn new(keys: &[Zeroizing<[u8; Self::KEY_BYTES]>]) -> Result<Self, SealFailed> {
        let keys = keys.iter().map(|bytes| {
            let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, &**bytes);
            Ok(SealKey {
                id: id_of(bytes),
                key: key.map_err(|_| SealFailed)?,
            })
        });
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// Seals a text for what `bound` says, which is not in it.
    ///
    /// # Errors
    /// [`SealFailed`]
    pub fn seal(&self, text: &[u8], bound: &[u8]) -> Result<String, SealFailed> {
        let first = self.0.first().ok_or(SealFailed)?;
        let mut sealed = Vec::with_capacity(text.len() + TAG_BYTES);
        sealed.extend_from_slice(text);
        let nonce = first
            .key
            .seal_in_place_append_tag(Aad::from(bound), &mut sealed)
            .map_err(|_| SealFailed)?;
        let mut whole = Vec::with_capacity(1 + ID_BYTES + NONCE_BYTES + sealed.len());
        whole.push(VERSION);
        whole.extend_from_slice(&first.id);
        whole.extend_from_slice(nonce.as_ref());
        whole.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(whole))
    }

    /// Opens a text that was sealed for what `bound` says.
    ///
    /// # Errors
    /// [`SealError`]
    pub fn open(&self, sealed: &str, bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if sealed.len() > MAX_SEALED_CHARS {
            return Err(SealError::Malformed);
        }
        let whole = URL_SAFE_NO_PAD.decode(sealed);
        let whole = whole.map_err(|_| SealError::Malformed)?;
        let (version, rest) = whole.split_first().ok_or(SealError::Malformed)?;
        let (id, rest) = rest
            .split_at_checked(ID_BYTES)
            .ok_or(SealError::Malformed)?;
        let split = rest.split_at_checked(NONCE_BYTES);
        let (nonce, text) = split.ok_or(SealError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        if *version != VERSION {
            return Err(SealError::Malformed);
        }
        let key = self.0.iter().find(|key| key.id == id);
        let key = &key.ok_or(SealError::UnknownKey)?.key;
        let mut text = Zeroizing::new(text.to_vec());
        let length = key
            .open_in_place(nonce, Aad::from(bound), &mut text)
            .map_err(|_| SealError::Forged)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

/// What a key is called. A hash of it says nothing of the key.
fn id_of(key: &[u8; SealKeys::KEY_BYTES]) -> [u8; ID_BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"tollgate seal key");
    hash.update(key);
    let hash: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, ..] = hash;
    [a, b, c, d]
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKeys({}, redacted)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(bytes: &[u8]) -> SealKeys {
        let keys: Vec<_> = bytes.iter().map(|it| Zeroizing::new([*it; 32])).collect();
        SealKeys::new(&keys).expect("keys")
    }

    #[test]
    fn who_has_the_key_reads_what_was_sealed_and_each_text_looks_different() {
        let ours = keys(&[1]);
        let (one, other) = (ours.seal(b"text", b"a"), ours.seal(b"text", b"a"));
        let (one, other) = (one.expect("sealed"), other.expect("sealed"));
        assert_ne!(one, other, "the nonce is random");
        for sealed in [one, other] {
            assert_eq!(**ours.open(&sealed, b"a").expect("opened"), *b"text");
        }
        assert_eq!(format!("{ours:?}"), "SealKeys(1, redacted)");
    }

    #[test]
    fn while_keys_rotate_both_open_and_the_first_seals() {
        let (old, new) = (keys(&[1]), keys(&[2]));
        let (before, after) = (keys(&[1, 2]), keys(&[2, 1]));
        let sealed = |by: &SealKeys| by.seal(b"text", b"").expect("sealed");
        for (by, opens) in [(&before, [true, false]), (&after, [false, true])] {
            let sealed = sealed(by);
            for (alone, opens) in [&old, &new].into_iter().zip(opens) {
                let expected = (!opens).then_some(SealError::UnknownKey);
                assert_eq!(alone.open(&sealed, b"").err(), expected);
            }
            assert!(before.open(&sealed, b"").is_ok());
            assert!(after.open(&sealed, b"").is_ok());
        }
    }

    #[test]
    fn what_was_sealed_for_something_else_is_refused() {
        let keys = keys(&[1]);
        let sealed = keys.seal(b"text", b"GET /a").expect("sealed");
        assert_eq!(keys.open(&sealed, b"GET /b").err(), Some(SealError::Forged));
    }

    proptest! {
        #[test]
        fn no_changed_text_opens(text: Vec<u8>, at: prop::sample::Index, bit in 0..8_u32) {
            let keys = keys(&[1]);
            let sealed = keys.seal(&text, b"a").expect("sealed");
            let mut whole = URL_SAFE_NO_PAD.decode(&sealed).expect("base64");
            let at = at.index(whole.len());
            whole[at] ^= 1 << bit;
            prop_assert!(keys.open(&URL_SAFE_NO_PAD.encode(whole), b"a").is_err());
        }

        #[test]
        fn no_other_text_opens(text: String) {
            prop_assert!(keys(&[1]).open(&text, b"").is_err());
        }
    }
}
