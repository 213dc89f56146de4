//! How large the body of a request may be.

use super::Operation;

/// Most that a body may have, in bytes: it is held whole.
pub const MAX_BODY_BYTES: usize = 60 * 1024 * 1024;
/// Most that the gateway adds to a body, in bytes: members of JSON, or a form's names and boundaries in
/// the gateway's spelling, which can be longer than the client's. Envoy must take so much more than the
/// client may send, or it would refuse what the gateway has written.
pub const MAX_GROWTH_BYTES: usize = 1024 * 1024;

/// How large a body may be as its client sends it, in bytes. What the gateway adds does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// For all that is not named below.
    pub ordinary: usize,
    /// For audio that is transcribed or translated.
    pub audio: usize,
}

impl Default for BodyLimits {
    /// Audio may have 25 MB (<https://learn.microsoft.com/azure/ai-services/openai/whisper-quickstart>),
    /// and its form a little more.
    fn default() -> Self {
        Self {
            ordinary: 16 * 1024 * 1024,
            audio: 26 * 1024 * 1024,
        }
    }
}

impl BodyLimits {
    /// The limit of an operation.
    pub const fn of(self, operation: Operation) -> usize {
        match operation {
            Operation::AudioTranscriptions | Operation::AudioTranslations => self.audio,
            _ => self.ordinary,
        }
    }
}
