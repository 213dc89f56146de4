//! What a request for images or speech asks for, as far as it is charged by.

/// Longest `size` or `quality` that goes into a record.
const MAX_WORD_BYTES: usize = 32;

/// What is charged for, as the request says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaRequest {
    /// `size` of images.
    pub size: Option<String>,
    /// `quality` of images.
    pub quality: Option<String>,
    /// Characters (Unicode scalar values) of `input`, the text to be spoken.
    pub characters: u64,
    /// `stream_format` of speech is `sse`: events, of which the last one says the usage.
    pub speaks_in_events: bool,
}

/// A word such as `1024x1024`; anything else is left to the backend to refuse.
pub(crate) fn word(text: impl Into<String>) -> Option<String> {
    let text = text.into();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let valid = (1..=MAX_WORD_BYTES).contains(&text.len()) && text.bytes().all(plain);
    valid.then_some(text)
}

/// The name of a service tier as an answer says it; `auto` names none.
pub(crate) fn service_tier(name: String) -> Option<String> {
    word(name).filter(|name| name != "auto")
}
