//! Names that say who it is to nobody without the key.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// In front of a pseudonym.
const PREFIX: &str = "h-";
/// Bytes of the code that a pseudonym has: enough that no two names share one by chance.
const BYTES: usize = 16;

/// Gives the same pseudonym for the same name and key (HMAC-SHA-256, RFC 2104). Whoever has the key can try names.
pub fn pseudonyms(key: &[u8]) -> impl Fn(&str) -> Arc<str> + Send + Sync + use<> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    move |name| {
        let tag = hmac::sign(&key, name.as_bytes());
        let bytes = tag.as_ref().get(..BYTES).unwrap_or_default();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_the_same_for_the_same_name_and_key() {
        let pseudonym = pseudonyms(b"one key that is long enough, 32 bytes");
        // printf %s ann@example.com | openssl dgst -sha256 -hmac KEY -binary | head -c16 | basenc --base64url
        assert_eq!(&*pseudonym("ann@example.com"), "h-ufpAhScD0x3khIm13daYYQ");
        assert_ne!(pseudonym("ann@example.com"), pseudonym("bob@example.com"));
        let other = pseudonyms(b"another key that is long enough too");
        assert_ne!(pseudonym("ann@example.com"), other("ann@example.com"));
    }
}
