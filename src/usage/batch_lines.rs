//! What the lines of a batch's output have used, read as the file goes by: one may have gigabytes.
//!
//! ```text
//! line = { "custom_id", "response": { "status_code", "body": { model  usage  service_tier … } }, "error" }
//! ```
//! <https://learn.microsoft.com/azure/ai-services/openai/how-to/batch>

use memchr::memchr;

use super::TokenCounts;
use super::json_probe::JsonProbe;

/// What one line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchLineUsage {
    /// Its tokens; `None` where it has failed.
    pub counts: Option<TokenCounts>,
    /// The model that answered.
    pub model: Option<String>,
}

/// A file of lines. A line may have any length: nothing of it is held but the few values that are wanted.
pub struct BatchLines {
    probe: JsonProbe,
    /// Something of the line has come.
    has_begun: bool,
}

impl Default for BatchLines {
    fn default() -> Self {
        Self {
            probe: JsonProbe::of_batch_line(),
            has_begun: false,
        }
    }
}

impl BatchLines {
    /// Reads on; gives what the lines say that end here. JSON has no line break inside of a text.
    pub fn feed(&mut self, mut piece: &[u8]) -> Vec<BatchLineUsage> {
        let mut lines = Vec::new();
        while let Some(end) = memchr(b'\n', piece) {
            let (line, rest) = piece.split_at(end);
            self.read(line);
            lines.extend(self.take());
            piece = rest.get(1..).unwrap_or_default();
        }
        self.read(piece);
        lines
    }

    /// The end of the file; gives the last line where no line break follows it.
    pub fn finish(mut self) -> Option<BatchLineUsage> {
        self.take()
    }

    fn read(&mut self, bytes: &[u8]) {
        self.has_begun |= !bytes.trim_ascii().is_empty();
        self.probe.feed(bytes);
    }

    fn take(&mut self) -> Option<BatchLineUsage> {
        let probe = std::mem::replace(&mut self.probe, JsonProbe::of_batch_line());
        let has_begun = std::mem::replace(&mut self.has_begun, false);
        let found = probe.into_found();
        has_begun.then_some(BatchLineUsage {
            counts: found.usage,
            model: found.model,
        })
    }
}

#[cfg(test)]
mod tests;
