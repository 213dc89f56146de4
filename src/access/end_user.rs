//! The end user that a trusted client speaks for.
//!
//! A credential's own user always goes first: a client can't say who the holder of a token is.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

/// Longest name of an end user, in bytes; a longer one is not taken.
pub const MAX_USER_BYTES: usize = 256;

/// Where a client that is trusted to do so says who its end user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserFrom {
    /// A header of the request, in small letters.
    Header(Arc<str>),
    /// The member `user` of the body
    /// (<https://platform.openai.com/docs/api-reference/chat/create>).
    Body,
}

/// The user that a header or a body names; `None` where it is empty, too long, or has control
/// characters.
pub fn user_name(text: &str) -> Option<Arc<str>> {
    let text = text.trim();
    let is_good =
        !text.is_empty() && text.len() <= MAX_USER_BYTES && !text.chars().any(char::is_control);
    is_good.then(|| text.into())
}

/// The member `user` of a JSON body.
pub fn user_of_body(body: &[u8]) -> Option<Arc<str>> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        user: Option<Cow<'a, str>>,
    }
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    user_name(&body.user?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_short_text() {
        assert_eq!(user_name(" ann ").as_deref(), Some("ann"));
        for wrong in ["", "  ", "a\u{0}b", &"u".repeat(257)] {
            assert_eq!(user_name(wrong), None, "{wrong}");
        }
        assert_eq!(
            user_of_body(br#"{"user":"a\u006en","x":{"user":"no"}}"#).as_deref(),
            Some("ann")
        );
        for wrong in [
            "{}",
            r#"{"user":1}"#,
            r#"{"user":null}"#,
            r#"{"user":"a","user":"b"}"#,
            "[",
        ] {
            assert_eq!(user_of_body(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
