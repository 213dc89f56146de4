//! What is known of a credential that is refused: whose it was, for those who have to find out. Never a secret.

use std::sync::Arc;

use super::KeySlot;

/// Longest text that is taken from a credential.
const MAX_TEXT_BYTES: usize = 256;

/// What a credential says of itself, as far as that was proved or is the configuration's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// The client that it is or was for.
    pub client: Option<Arc<str>>,
    /// Which of the client's keys.
    pub slot: Option<KeySlot>,
    /// The public part of a key that was issued at run time.
    pub key_id: Option<Arc<str>>,
    /// `iss` of a token, where it is one of the configured issuers.
    pub issuer: Option<Arc<str>>,
    /// `azp` of a token, or what Entra ID calls it (`appid`), once the signature was good.
    pub authorized_party: Option<Arc<str>>,
    /// The subject of a certificate (RFC 4514): what the certificate says, whoever has issued it.
    pub subject: Option<Arc<str>>,
    /// Its serial number, in hexadecimal.
    pub serial: Option<Arc<str>>,
}

/// A text of a credential, cut at a bound.
pub(super) fn bounded(text: &str) -> Arc<str> {
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    text.get(..end).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(&*bounded("short"), "short");
        let long = "\u{e4}".repeat(MAX_TEXT_BYTES);
        let cut = bounded(&format!("x{long}"));
        assert_eq!(cut.len(), MAX_TEXT_BYTES - 1);
    }
}
