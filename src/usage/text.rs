//! Collects the text that a model wrote, for an estimate should the usage never come.
//!
//! It looks for the strings of a `delta` (or of `text`, for completions) without parsing the event:
//! quotes inside a JSON string are escaped, so `"delta":` can only be a member's name. What it
//! collects is never used where the service reports usage.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::access::Operation;

/// Longest text that is kept; the rest is counted by its length. About 60,000 tokens.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// Members of a delta whose text the model wrote.
const TEXT_MEMBERS: [&[u8]; 5] = [
    b"content",
    b"refusal",
    b"reasoning_content",
    b"arguments",
    b"name",
];

static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"delta\""));
static TEXT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"text\""));

/// The text of one answer, as it stands between the quotes: JSON escapes and all.
#[derive(Debug, Default)]
pub(super) struct CollectedText {
    escaped: Vec<u8>,
    dropped_bytes: usize,
}

impl CollectedText {
    /// Collects from one event's data; says whether there was any text.
    pub(super) fn collect(&mut self, operation: Operation, data: &[u8]) -> bool {
        let before = self.len();
        let name = match operation {
            Operation::ChatCompletions
            | Operation::Responses
            | Operation::AudioTranscriptions
            | Operation::AudioTranslations => &*DELTA,
            Operation::Completions => &*TEXT,
            _ => return false,
        };
        let mut rest = data;
        while let Some(at) = name.find(rest) {
            rest = rest.get(at + name.needle().len()..).unwrap_or_default();
            let Some(value) = rest.trim_ascii_start().strip_prefix(b":") else {
                continue;
            };
            match value.trim_ascii_start() {
                [b'"', text @ ..] => self.add(string(text).0),
                [b'{', members @ ..] => self.members(members),
                _ => {}
            }
        }
        self.len() > before
    }

    /// Collects the strings of a message that came whole (or was cut) rather than in deltas.
    pub(super) fn collect_message(&mut self, document: &[u8]) {
        self.members_to(document, usize::MAX);
    }

    /// Bytes collected, dropped ones included.
    fn len(&self) -> usize {
        self.escaped.len() + self.dropped_bytes
    }

    /// The text, and how many bytes of it had to be dropped.
    pub(super) fn into_text(self) -> (String, usize) {
        let quoted = [b"\"", self.escaped.as_slice(), b"\""].concat();
        let text = serde_json::from_slice(&quoted)
            .unwrap_or_else(|_| String::from_utf8_lossy(&self.escaped).into_owned());
        (text, self.dropped_bytes)
    }

    fn members(&mut self, object: &[u8]) {
        self.members_to(object, 0);
    }

    /// Walks strings until the object ends `depth` levels further out.
    fn members_to(&mut self, mut bytes: &[u8], mut depth: usize) {
        let mut name: &[u8] = b"";
        while let Some((&first, rest)) = bytes.split_first() {
            bytes = rest;
            match first {
                b'"' => {
                    let (text, after) = string(rest);
                    bytes = after;
                    if after.trim_ascii_start().first() == Some(&b':') {
                        name = text;
                    } else if TEXT_MEMBERS.contains(&name) || name == b"text" {
                        self.add(text);
                    }
                }
                b'{' => depth = depth.saturating_add(1),
                b'}' if depth == 0 => return,
                b'}' => depth -= 1,
                _ => {}
            }
        }
    }

    fn add(&mut self, text: &[u8]) {
        if self.escaped.len() + text.len() <= MAX_TEXT_BYTES {
            self.escaped.extend_from_slice(text);
        } else {
            self.dropped_bytes += text.len();
        }
    }
}

/// Splits bytes that begin inside a string into its content and what follows the closing quote.
fn string(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(at) = bytes
        .get(from..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        let at = from + at;
        if bytes.get(at) == Some(&b'"') {
            let (text, rest) = bytes.split_at(at);
            return (text, rest.get(1..).unwrap_or_default());
        }
        from = at + 2;
    }
    // Cut in the middle: an escape that is not whole would spoil the rest.
    let whole = memchr::memrchr(b'\\', bytes).filter(|at| at + 6 > bytes.len());
    (
        bytes
            .get(..whole.unwrap_or(bytes.len()))
            .unwrap_or_default(),
        &[],
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn collected(operation: Operation, events: &[&str]) -> String {
        let mut text = CollectedText::default();
        for event in events {
            text.collect(operation, event.as_bytes());
        }
        text.into_text().0
    }

    #[test]
    fn the_deltas_of_a_chat_are_collected() {
        let events = [
            r#"{"choices":[{"delta":{"content":"","role":"assistant"},"index":0}]}"#,
            r#"{"choices":[{"delta":{"content":"Gr\u00fc"},"index":0}]}"#,
            r#"{"choices":[{"delta" : { "content" : "\u00dfe \"x\"\n\ud83d" },"index":0}]}"#,
            r#"{"choices":[{"delta":{"content":"\ude00"},"index":0},{"delta":{"refusal":"!"}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop","index":0}]}"#,
        ];
        assert_eq!(
            collected(Operation::ChatCompletions, &events),
            "Grüße \"x\"\n😀!"
        );
    }

    #[test]
    fn tool_calls_count_and_ids_do_not() {
        let event = r#"{"choices":[{"delta":{"tool_calls":[{"id":"call_1","type":"function",
            "function":{"name":"f","arguments":"{\"delta\":\"x\"}"}}]},"finish_reason":null}]}"#;
        assert_eq!(
            collected(Operation::ChatCompletions, &[event]),
            r#"f{"delta":"x"}"#
        );
    }

    #[test]
    fn the_other_operations_have_their_own_places() {
        let event = r#"{"type":"response.output_text.delta","item_id":"m","delta":"Hi"}"#;
        assert_eq!(collected(Operation::Responses, &[event]), "Hi");
        let event = r#"{"choices":[{"text":"Hi","index":0}]}"#;
        assert_eq!(collected(Operation::Completions, &[event]), "Hi");
        assert_eq!(collected(Operation::Embeddings, &[event]), "");
    }

    #[test]
    fn a_message_that_was_cut_gives_what_there_is() {
        let mut text = CollectedText::default();
        text.collect_message(br#"{"choices":[{"message":{"role":"assistant","content":"So fa"#);
        assert_eq!(text.into_text().0, "So fa");
    }

    #[test]
    fn a_long_text_is_bounded_and_its_length_is_known() {
        let mut text = CollectedText::default();
        let event = format!(r#"{{"delta":"{}"}}"#, "a".repeat(100_000));
        for _ in 0..5 {
            text.collect(Operation::Responses, event.as_bytes());
        }
        let (kept, dropped) = text.into_text();
        assert_eq!(kept.len() + dropped, 500_000);
        assert!(kept.len() <= MAX_TEXT_BYTES);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(data in r#"("delta":|"text":|[{}"\\:,a-z])*"#) {
            for operation in Operation::ALL {
                let mut text = CollectedText::default();
                text.collect(operation, data.as_bytes());
                text.collect_message(data.as_bytes());
                let _ = text.into_text();
            }
        }
    }
}
