//! Keys for the tests: valid in form and checksum, and worth nothing.

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_CHARS: usize = 6;

/// A client's key in the clear.
#[derive(Clone, Debug)]
pub struct TestKey(String);

impl TestKey {
    /// The same key for the same number, in tollgate's format, which is made here a second time so
    /// that a change of it can't go unnoticed.
    pub fn numbered(number: u32) -> Self {
        let body = format!("tgk_Test{number:06}_{number:032}");
        let checksum = checksum(body.as_bytes());
        Self(body + &checksum)
    }

    /// The key itself.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What the configuration holds of it: the SHA-256 in hexadecimal digits.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

/// CRC-32 in base62, most significant digit first.
fn checksum(body: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(body);
    let mut rest = crc.sum();
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.map(char::from).iter().collect()
}
