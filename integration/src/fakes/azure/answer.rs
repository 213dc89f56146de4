//! An answer: its pieces, as they are generated, and why it ends.

/// What a piece of an answer shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Text of the message.
    Text(String),
    /// The start of a call of a tool.
    Call {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// A part of the call's arguments.
    Arguments(String),
}

/// A piece of an answer, sent in one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it shows.
    pub shown: Shown,
    /// How many tokens it took to generate.
    pub tokens: u64,
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is complete.
    Stop,
    /// The maximum of tokens was reached.
    Length,
    /// It calls a tool.
    ToolCalls,
    /// The content filter cut it.
    Filtered,
    /// The service failed.
    Failed,
    /// The connection broke.
    Dropped,
}

/// An answer, or one of the `n` that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In the order of generation.
    pub pieces: Vec<Piece>,
    /// Why it ends.
    pub ending: Ending,
}

impl Answer {
    /// The tokens of all pieces.
    pub fn tokens(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.tokens).sum()
    }

    /// The text of the message.
    pub fn text(&self) -> String {
        let texts = self.pieces.iter().filter_map(|piece| match &piece.shown {
            Shown::Text(text) => Some(text.as_str()),
            Shown::Call { .. } | Shown::Arguments(_) => None,
        });
        texts.collect()
    }

    /// Whether there is a message, and not a call alone.
    pub fn speaks(&self) -> bool {
        let is_text = |piece: &Piece| matches!(piece.shown, Shown::Text(_));
        self.pieces.is_empty() || self.pieces.iter().any(is_text)
    }

    /// The call of a tool: its id, its name, and the arguments.
    pub fn call(&self) -> Option<(&str, &str, String)> {
        let (id, name) = self.pieces.iter().find_map(|piece| match &piece.shown {
            Shown::Call { id, name } => Some((id.as_str(), name.as_str())),
            Shown::Text(_) | Shown::Arguments(_) => None,
        })?;
        let arguments = self.pieces.iter().filter_map(|piece| match &piece.shown {
            Shown::Arguments(part) => Some(part.as_str()),
            Shown::Text(_) | Shown::Call { .. } => None,
        });
        Some((id, name, arguments.collect()))
    }

    /// Ends it after half of its pieces.
    pub fn halve(&mut self, ending: Ending) {
        let half = self.pieces.len().div_ceil(2);
        self.pieces.truncate(half);
        self.ending = ending;
    }

    /// Ends it after so many tokens, if it is longer.
    pub(super) fn limit(&mut self, max_tokens: u64) {
        let mut left = max_tokens;
        for (index, piece) in self.pieces.iter_mut().enumerate() {
            if piece.tokens > left {
                // A character that is not whole is billed and not shown.
                piece.tokens = left;
                piece.shown = Shown::Text(String::new());
                self.pieces.truncate(index + usize::from(left > 0));
                self.ending = Ending::Length;
                return;
            }
            left -= piece.tokens;
        }
    }
}
