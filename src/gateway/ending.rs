//! Where an answer ends for the client, which can be before the backend says so.
//!
//! A client has a whole answer once `content-length` bytes have come, or the last event of a stream
//! has. From then on it may count on what it has: so that is where the record is written, not at the
//! end of the stream that Envoy may only hear of later.

/// The last event of completions (<https://platform.openai.com/docs/api-reference/chat-streaming>).
const DONE: &[u8] = b"data: [DONE]";

/// Watches for the end of one answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ending {
    content_length: Option<u64>,
    received: u64,
    /// How much of [`DONE`] the last bytes are.
    matched: usize,
    /// The last line was [`DONE`].
    is_done: bool,
}

impl Ending {
    /// Of an answer with this `content-length`, if it has one.
    pub(crate) fn new(content_length: Option<u64>) -> Self {
        Self {
            content_length,
            ..Self::default()
        }
    }

    /// Reads the next piece; says whether a client that has it all has the whole answer.
    pub(crate) fn is_reached_by(&mut self, piece: &[u8], is_stream: bool) -> bool {
        self.received = self
            .received
            .saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if is_stream {
            self.look_for_done(piece);
        }
        self.is_done || self.content_length.is_some_and(|all| self.received >= all)
    }

    /// The text of an answer is in JSON, which has no line break in it: a line that is exactly
    /// this is the event.
    fn look_for_done(&mut self, piece: &[u8]) {
        // Only the end of a piece can be the end of the answer.
        let start = piece.len().saturating_sub(2 * DONE.len());
        if start > 0 {
            self.matched = usize::MAX;
        }
        for byte in piece.get(start..).unwrap_or_default() {
            match byte {
                b'\n' | b'\r' => {
                    self.is_done |= self.matched == DONE.len();
                    self.matched = 0;
                }
                byte if DONE.get(self.matched) == Some(byte) => self.matched += 1,
                _ => self.matched = usize::MAX,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(pieces: &[&str]) -> Vec<bool> {
        let mut ending = Ending::new(None);
        pieces
            .iter()
            .map(|piece| ending.is_reached_by(piece.as_bytes(), true))
            .collect()
    }

    #[test]
    fn the_last_event_is_the_end_however_it_is_cut() {
        assert_eq!(
            reached(&["data: {}\n\n", "data: [DONE]\n\n"]),
            [false, true]
        );
        assert_eq!(
            reached(&["data: {}\n\ndata: [DO", "NE]", "\n"]),
            [false, false, true]
        );
        assert_eq!(reached(&["data: {}\r\rdata: [DONE]\r\r"]), [true]);
        let long = format!("data: {}\n\ndata: [DONE]\n\n", "x".repeat(1000));
        assert_eq!(reached(&[&long]), [true]);
        let single: Vec<_> = "data: [DONE]\n".split_inclusive(|_| true).collect();
        assert_eq!(reached(&single).last(), Some(&true));
    }

    #[test]
    fn the_same_words_in_a_text_are_no_end() {
        for text in [
            "data: {\"a\":\"data: [DONE]\"}\n\n",
            "data: {\"a\":\"xdata: [DONE]",
            "data: [DONE",
            ": data: [DONE]\n",
        ] {
            assert_eq!(reached(&[text]), [false], "{text}");
        }
    }

    #[test]
    fn the_announced_length_is_the_end() {
        let mut ending = Ending::new(Some(5));
        assert!(!ending.is_reached_by(b"abcd", false));
        assert!(ending.is_reached_by(b"e", false));
    }
}
