//! What an operation is charged by other than tokens.

use std::sync::Arc;

/// Images, seconds and characters of one request; zero where the operation has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Images that were made.
    pub images: u64,
    /// Their size, such as `1024x1024`, as the answer or else the request says it.
    pub image_size: Option<Arc<str>>,
    /// Their quality, such as `high`, as the answer or else the request says it.
    pub image_quality: Option<Arc<str>>,
    /// Length of the audio that was heard, in milliseconds, where the service says it.
    pub audio_ms: u64,
    /// Characters (Unicode scalar values) of the text that was spoken.
    pub characters: u64,
}
