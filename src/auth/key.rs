//! The keys that tollgate makes for clients.
//!
//! ```text
//! key      = "tgk_" id "_" secret checksum
//! id       = 10 base62     ; names the key in logs and in the configuration, not secret
//! secret   = 32 base62     ; 190 bits from the system's generator
//! checksum =  6 base62     ; CRC-32 of all that precedes it
//! ```
//!
//! The prefix and the checksum let secret scanners find a leaked key without false alarms, and let
//! us refuse a mistyped one before any look-up.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const PREFIX: &str = "tgk_";
pub(super) const ID_CHARS: usize = 10;
const SECRET_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
/// The length of every key, in bytes.
const KEY_BYTES: usize = PREFIX.len() + ID_CHARS + 1 + SECRET_CHARS + CHECKSUM_CHARS;
/// Bytes of a digest that tell keys apart for people.
const SHORT_BYTES: usize = 8;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why a text is not a tollgate key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(test, derive(strum::EnumIter))]
pub enum KeyFormatError {
    /// Another prefix, length or alphabet.
    #[error("it is not a tollgate key")]
    NotAKey,
    /// The right shape, but a character is wrong.
    #[error("its checksum is wrong")]
    Checksum,
}

/// A key in the clear: shown once when it is made, and wiped when it is dropped.
pub struct Key(Zeroizing<String>);

impl Key {
    /// Makes a key from the system's random generator.
    ///
    /// # Errors
    /// The generator's error; no key is made from anything else.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES));
        text.push_str(PREFIX);
        push_random(&mut text, ID_CHARS)?;
        text.push('_');
        push_random(&mut text, SECRET_CHARS)?;
        let checksum = checksum(text.as_bytes());
        text.push_str(&checksum);
        Ok(Self(text))
    }

    /// The key's own text. Whoever calls this takes care of where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The public part, which names the key.
    pub fn id(&self) -> &str {
        id_in(&self.0)
    }
}

/// The id in a text that has the form of a key.
pub(super) fn id_in(text: &str) -> &str {
    text.get(PREFIX.len()..PREFIX.len() + ID_CHARS)
        .unwrap_or_default()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, redacted)", self.id())
    }
}

/// The SHA-256 of a key: all that is ever stored of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a text that has the form of a key.
    ///
    /// # Errors
    /// [`KeyFormatError`] where prefix, length, alphabet or checksum is wrong.
    pub fn of_presented(text: &str) -> Result<Self, KeyFormatError> {
        let bytes = text.as_bytes();
        let rest = bytes
            .strip_prefix(PREFIX.as_bytes())
            .filter(|_| bytes.len() == KEY_BYTES)
            .ok_or(KeyFormatError::NotAKey)?;
        let underscore = |(at, byte): (usize, &u8)| match at {
            ID_CHARS => *byte == b'_',
            _ => byte.is_ascii_alphanumeric(),
        };
        if !rest.iter().enumerate().all(underscore) {
            return Err(KeyFormatError::NotAKey);
        }
        let (body, given) = bytes
            .split_at_checked(KEY_BYTES - CHECKSUM_CHARS)
            .ok_or(KeyFormatError::NotAKey)?;
        match bool::from(checksum(body).as_bytes().ct_eq(given)) {
            true => Ok(Self(Sha256::digest(bytes).into())),
            false => Err(KeyFormatError::Checksum),
        }
    }

    /// Whether a text begins as keys do: if it is not one, it was one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// A digest that was computed elsewhere.
    pub const fn of_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the 64 hexadecimal digits of the configuration.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).ok()?;
        Some(Self(digest))
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The first 16 of its hexadecimal digits: they name a key, and can't be looked up by.
    pub fn short(&self) -> String {
        let bytes = self.0.get(..SHORT_BYTES).unwrap_or_default();
        hex::encode(bytes)
    }

    /// The 64 hexadecimal digits for the configuration.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(redacted)")
    }
}

/// Appends characters of the alphabet, each as likely as any other.
fn push_random(text: &mut String, chars: usize) -> Result<(), getrandom::Error> {
    /// The largest multiple of 62 that fits a byte: what is above would favour the first letters.
    const UNBIASED: u8 = 248;
    let mut wanted = chars;
    while wanted > 0 {
        let mut random = Zeroizing::new([0_u8; 64]);
        getrandom::fill(random.as_mut_slice())?;
        let fair = random.iter().filter(|byte| **byte < UNBIASED);
        for byte in fair.take(wanted) {
            text.push(letter(u32::from(*byte)));
            wanted -= 1;
        }
    }
    Ok(())
}

/// CRC-32 (IEEE 802.3) in base62, most significant digit first.
fn checksum(body: &[u8]) -> String {
    let mut rest = crc32fast::hash(body);
    let mut digits = [b'0'; CHECKSUM_CHARS].map(char::from);
    for digit in digits.iter_mut().rev() {
        *digit = letter(rest);
        rest /= 62;
    }
    digits.iter().collect()
}

/// The letter for a number, modulo 62.
fn letter(number: u32) -> char {
    let at = usize::try_from(number % 62).unwrap_or_default();
    ALPHABET.get(at).copied().map_or('0', char::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_generated_key_is_recognised_and_its_digest_is_its_sha256() {
        let key = Key::generate().expect("the system has a random generator");
        assert_eq!(key.expose().len(), KEY_BYTES);
        assert!(key.expose().starts_with(PREFIX));
        assert_eq!(key.id().len(), ID_CHARS);
        let digest = KeyDigest::of_presented(key.expose()).expect("its own form");
        assert_eq!(digest.to_hex(), hex::encode(Sha256::digest(key.expose())));
        let read = KeyDigest::from_hex(&digest.to_hex()).expect("64 digits");
        assert!(digest.matches(&read));
    }

    #[test]
    fn the_checksum_is_crc32_in_base62() {
        // The check value of CRC-32/ISO-HDLC for "123456789" is 0xCBF43926.
        let mut value = 0_u64;
        for letter in checksum(b"123456789").bytes() {
            let at = ALPHABET.iter().position(|known| *known == letter);
            value = value * 62 + u64::try_from(at.expect("in the alphabet")).expect("small");
        }
        assert_eq!(value, 0xCBF4_3926);
    }

    #[test]
    fn every_mistyped_character_is_noticed() {
        let key = Key::generate().expect("a key");
        for at in 0..KEY_BYTES {
            let mut typed = key.expose().as_bytes().to_vec();
            typed[at] = if typed[at] == b'x' { b'y' } else { b'x' };
            let typed = String::from_utf8(typed).expect("ASCII");
            assert!(KeyDigest::of_presented(&typed).is_err(), "position {at}");
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "tgk_",
            "sk-0123456789abcdef",
            "eyJhbGciOiJub25lIn0.e30.",
        ] {
            assert_eq!(
                KeyDigest::of_presented(text),
                Err(KeyFormatError::NotAKey),
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_does_not_print_itself() {
        let key = Key::generate().expect("a key");
        let printed = format!("{key:?} {:?}", KeyDigest::of_presented(key.expose()));
        let secret = key.expose().rsplit('_').next().expect("the secret part");
        assert!(!printed.contains(secret), "{printed}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = KeyDigest::of_presented(&text);
            let _ = KeyDigest::from_hex(&text);
        }
    }
}
