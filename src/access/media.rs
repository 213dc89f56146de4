//! What a request for images or speech asks for, as far as it is charged by.

use super::BodyError;
use super::members::{members, text};

/// Longest `size` or `quality` that goes into a record.
const MAX_WORD_BYTES: usize = 32;

/// What is charged for, as the request says it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MediaRequest {
    /// `size` of images.
    pub size: Option<String>,
    /// `quality` of images.
    pub quality: Option<String>,
    /// Characters (Unicode scalar values) of `input`, the text to be spoken.
    pub characters: u64,
}

impl MediaRequest {
    /// Reads the body of `images/generations`.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] if a member stands twice or is no text.
    pub fn of_images(body: &[u8]) -> Result<Self, BodyError> {
        let [size, quality] = members(body, ["size", "quality"])?;
        Ok(Self {
            size: text(size)?.and_then(word),
            quality: text(quality)?.and_then(word),
            characters: 0,
        })
    }

    /// Reads the body of `audio/speech`.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] if `input` stands twice or is no text.
    pub fn of_speech(body: &[u8]) -> Result<Self, BodyError> {
        let [input] = members(body, ["input"])?;
        let input = text(input)?.unwrap_or_default();
        Ok(Self {
            characters: u64::try_from(input.chars().count()).unwrap_or(u64::MAX),
            ..Self::default()
        })
    }
}

/// A word such as `1024x1024`; anything else is left to the backend to refuse.
pub(crate) fn word(text: impl Into<String>) -> Option<String> {
    let text = text.into();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let valid = (1..=MAX_WORD_BYTES).contains(&text.len()) && text.bytes().all(plain);
    valid.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_quality_and_characters_are_read() {
        let images =
            MediaRequest::of_images(br#"{"prompt":"x","size":"1024x1024","quality":"hd"}"#);
        let images = images.expect("a body");
        assert_eq!(images.size.as_deref(), Some("1024x1024"));
        assert_eq!(images.quality.as_deref(), Some("hd"));
        let speech = MediaRequest::of_speech("{\"input\":\"Grüße 😀\",\"voice\":\"x\"}".as_bytes());
        assert_eq!(speech.expect("a body").characters, 7);
    }

    #[test]
    fn what_is_no_word_is_in_no_record() {
        let odd = format!(r#"{{"size":"{}","quality":"a b"}}"#, "x".repeat(33));
        let found = MediaRequest::of_images(odd.as_bytes()).expect("a body");
        assert_eq!(found, MediaRequest::default());
        assert!(MediaRequest::of_speech(br#"{"input":1}"#).is_err());
    }
}
