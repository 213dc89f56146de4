//! The key that a browser puts among the subprotocols of a WebSocket: a page can set no other header
//! (<https://platform.openai.com/docs/guides/realtime-websocket>).
//!
//! ```text
//! sec-websocket-protocol: realtime, openai-insecure-api-key.KEY, openai-beta.realtime-v1
//! ```

use super::AuthError;

/// What precedes the key.
const KEY_PREFIX: &str = "openai-insecure-api-key.";
/// Subprotocols that are passed on to the backend; any other could carry a credential or mean something to it
/// that nobody here has read.
const PASSED_ON: [&str; 2] = ["realtime", "openai-beta.realtime-v1"];
/// Longest list of subprotocols that is read, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// The subprotocols of a request, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subprotocols<'a> {
    /// The caller's key.
    pub key: Option<&'a str>,
    /// What the backend may see.
    pub passed_on: Vec<&'static str>,
}

impl<'a> Subprotocols<'a> {
    /// Reads the value of `sec-websocket-protocol` (RFC 6455, section 11.3.4); Envoy joins several
    /// headers with commas.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] for what is not text, [`AuthError::Ambiguous`] for two keys.
    pub fn parse(value: &'a [u8]) -> Result<Self, AuthError> {
        let text = std::str::from_utf8(value).map_err(|_| AuthError::Malformed)?;
        if text.len() > MAX_BYTES {
            return Err(AuthError::Malformed);
        }
        let mut found = Self::default();
        for name in text.split(',').map(str::trim) {
            if let Some(key) = name.strip_prefix(KEY_PREFIX).filter(|key| !key.is_empty()) {
                match found.key.replace(key) {
                    Some(other) if other != key => return Err(AuthError::Ambiguous),
                    _ => {}
                }
            } else if let Some(known) = PASSED_ON.iter().find(|known| **known == name) {
                found.passed_on.push(known);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_taken_out_and_only_known_subprotocols_go_on() {
        let value =
            b"realtime, openai-insecure-api-key.tgk_1,openai-beta.realtime-v1, openai-project.p";
        let found = Subprotocols::parse(value).expect("read");
        assert_eq!(found.key, Some("tgk_1"));
        assert_eq!(found.passed_on, ["realtime", "openai-beta.realtime-v1"]);
    }

    #[test]
    fn another_spelling_of_the_key_is_neither_a_credential_nor_passed_on() {
        for value in [
            "OpenAI-Insecure-Api-Key.k",
            "openai-insecure-api-key.",
            "openai-insecure-api-key",
            "",
        ] {
            let found = Subprotocols::parse(value.as_bytes()).expect("read");
            assert_eq!(found, Subprotocols::default(), "{value}");
        }
    }

    #[test]
    fn two_different_keys_are_ambiguous() {
        let two = b"openai-insecure-api-key.a,openai-insecure-api-key.b";
        assert_eq!(Subprotocols::parse(two), Err(AuthError::Ambiguous));
        let same = b"openai-insecure-api-key.a,openai-insecure-api-key.a";
        assert_eq!(Subprotocols::parse(same).expect("one key").key, Some("a"));
        assert_eq!(Subprotocols::parse(b"\xff"), Err(AuthError::Malformed));
    }
}
