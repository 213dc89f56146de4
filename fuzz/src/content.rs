//! A prompt and an answer for the content log: whatever they are, a line is bounded and has no key in it.

use std::sync::Arc;

use tollgate::content::{Capture, ContentRules, Redaction, Room};
use tollgate::usage::BodyFormat;

const MAX_BYTES: usize = 2000;
/// A byte of a text has six where JSON has to escape it.
const MOST_WRITTEN: usize = 8 * MAX_BYTES;

/// Reads `s` or `j`, for a stream or JSON; a prompt; NUL; an answer. Says whether both are logged.
pub(crate) fn run(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else {
        return false;
    };
    let format = match kind {
        b's' => BodyFormat::EventStream,
        _ => BodyFormat::Json,
    };
    let mut parts = rest.splitn(2, |byte| *byte == 0);
    let (prompt, answer) = (parts.next().unwrap_or_default(), parts.next());
    let rules = Arc::new(ContentRules {
        max_bytes: MAX_BYTES,
        redactions: vec![Redaction::new("word", "secret[a-z]*").expect("a pattern")],
    });
    let kept = Capture::new(&rules, &Room::default(), Some(prompt));
    let mut kept = kept.expect("room");
    kept.answered(Some(format));
    for piece in answer.unwrap_or_default().chunks(7) {
        kept.feed(piece);
    }
    let content = kept.finish();
    for part in [&content.request, &content.response].into_iter().flatten() {
        let written = part.to_string();
        assert!(written.len() <= MOST_WRITTEN, "{} bytes", written.len());
        let mut after = written.split("tgk_").skip(1);
        let is_of_key = |rest: &str| rest.starts_with(|it: char| it.is_ascii_alphanumeric());
        assert!(!after.any(is_of_key), "a key: {written}");
        let mut after = written.split("secret").skip(1);
        assert!(
            after.all(|rest| rest.starts_with([']', '…'])),
            "a word: {written}"
        );
    }
    content.request.is_ok() && content.response.is_ok()
}
