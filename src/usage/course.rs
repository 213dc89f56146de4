//! Whether an answer is over though its usage has not come.
//!
//! A stream says that it ends before it says what it cost: completions by `finish_reason`, responses by
//! the events of what is done. What follows until the usage is written at once by the service.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};
use memchr::{memchr, memchr2};

use crate::access::Operation;

/// What an event shows of the answer's course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Something is being generated.
    GoesOn,
    /// Something has been said to its end, and nothing may follow.
    Ends,
    /// Neither.
    Unknown,
}

impl Course {
    /// What a whole event shows, in which a choice finishes or does not, and which has text of the model's
    /// or has not.
    pub(super) fn of(operation: Operation, event: &[u8], finishes: bool, has_text: bool) -> Self {
        match operation {
            Operation::Responses => match kind(event) {
                Some(ITEM_DONE) if is_item_of_the_end(event) => Self::Ends,
                Some(kind) => Self::of_response(kind),
                None => Self::Unknown,
            },
            _ if finishes => Self::Ends,
            _ if has_text => Self::GoesOn,
            _ => Self::Unknown,
        }
    }

    /// Whether the beginning of an event shows the end already.
    pub(super) fn ends_in(operation: Operation, partial: &[u8]) -> bool {
        match operation {
            Operation::Responses => kind(partial).is_some_and(|it| {
                let is_item = it == ITEM_DONE && is_item_of_the_end(partial);
                is_last(it) || is_end_of_text(it) || is_item
            }),
            _ => may_finish(partial),
        }
    }

    /// Whether an event tells of the model's reasoning in other words: its tokens are not those that are billed.
    pub(super) fn is_summary(operation: Operation, event: &[u8]) -> bool {
        operation == Operation::Responses
            && kind(event).is_some_and(|kind| kind.starts_with(b"reasoning_summary"))
    }

    fn of_response(kind: &[u8]) -> Self {
        match kind {
            // It has said no usage, and nothing comes after it.
            kind if is_last(kind) => Self::GoesOn,
            kind if is_end_of_text(kind) => Self::Ends,
            // The parts and items around a text that is done are done after it.
            kind if kind.ends_with(b".done") => Self::Unknown,
            _ => Self::GoesOn,
        }
    }
}

/// Whether a choice may end in an event of completions.
pub(super) fn may_finish(event: &[u8]) -> bool {
    static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
    has_value(&FINISH, event)
}

/// Whether a name is in an event with something else than `null` after it.
pub(super) fn has_value(name: &Finder<'_>, event: &[u8]) -> bool {
    let has_value = |at: usize| {
        let value = event.get(at + name.needle().len()..).unwrap_or_default();
        let value = value.trim_ascii_start().strip_prefix(b":").unwrap_or(value);
        !value.trim_ascii_start().starts_with(b"null")
    };
    name.find_iter(event).any(has_value)
}

/// The event that shows a whole item.
const ITEM_DONE: &[u8] = b"output_item.done";

/// Whether an item is one that its client carries out, or an image: a response may end with it, and no event
/// before this one shows it whole. A text with such a word in it has its quotes escaped.
fn is_item_of_the_end(event: &[u8]) -> bool {
    const TYPES: [&str; 6] = [
        r#""type":"computer_call""#,
        r#""type":"local_shell_call""#,
        r#""type":"shell_call""#,
        r#""type":"apply_patch_call""#,
        r#""type":"mcp_approval_request""#,
        r#""type":"image_generation_call""#,
    ];
    let is_there = |kind: &&str| memmem::find(event, kind.as_bytes()).is_some();
    TYPES.iter().any(is_there)
}

/// The event that carries the whole response, with its usage.
fn is_last(kind: &[u8]) -> bool {
    matches!(kind, b"completed" | b"incomplete" | b"failed")
}

/// The event after the last delta of a text or of a call.
fn is_end_of_text(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"output_text.done"
            | b"refusal.done"
            | b"function_call_arguments.done"
            | b"custom_tool_call_input.done"
    )
}

/// The kind of a response's event, `output_text.done` of `response.output_text.done`: in its `event` line, or
/// else in `type`. That is among the first members; a text that begins like it, before it, costs the client
/// at most the bound of the wait.
fn kind(event: &[u8]) -> Option<&[u8]> {
    if let Some(line) = event.trim_ascii_start().strip_prefix(b"event:") {
        let end = memchr2(b'\n', b'\r', line).unwrap_or(line.len());
        let name = line.get(..end)?.trim_ascii();
        return name.strip_prefix(b"response.");
    }
    static KIND: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"response."));
    let rest = event.get(KIND.find(event)? + KIND.needle().len()..)?;
    rest.get(..memchr(b'"', rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Operation = Operation::ChatCompletions;

    #[test]
    fn a_choice_ends_by_its_finish_reason() {
        for (event, has_text, expected) in [
            (
                r#"{"choices":[{"delta":{"content":"x"},"finish_reason":null}]}"#,
                true,
                Course::GoesOn,
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
                false,
                Course::Ends,
            ),
            (
                r#"{"choices":[{"delta":{"content":"x"},"finish_reason" : "length"}]}"#,
                true,
                Course::Ends,
            ),
            (
                r#"{"choices":[{"content_filter_offsets":{},"finish_reason":null}]}"#,
                false,
                Course::Unknown,
            ),
            ("[DONE]", false, Course::Unknown),
        ] {
            let event_finishes = may_finish(event.as_bytes());
            let found = Course::of(CHAT, event.as_bytes(), event_finishes, has_text);
            assert_eq!(found, expected, "{event}");
        }
    }

    #[test]
    fn a_response_ends_by_the_end_of_its_text() {
        for (kind, expected) in [
            ("response.created", Course::GoesOn),
            ("response.output_item.added", Course::GoesOn),
            ("response.output_text.delta", Course::GoesOn),
            ("response.output_text.done", Course::Ends),
            ("response.function_call_arguments.done", Course::Ends),
            ("response.content_part.done", Course::Unknown),
            ("response.output_item.done", Course::Unknown),
            ("response.reasoning_summary_text.done", Course::Unknown),
            ("response.completed", Course::GoesOn),
            ("error", Course::Unknown),
        ] {
            let event = format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"text\":\"x\"}}");
            let found = Course::of(Operation::Responses, event.as_bytes(), false, false);
            assert_eq!(found, expected, "{kind}");
        }
    }

    #[test]
    fn a_call_that_the_client_carries_out_may_be_the_end() {
        let done = |item: &str| {
            let event = format!(
                "event: response.output_item.done\ndata: {{\"type\":\"response.output_item.done\",\"item\":{item}}}"
            );
            Course::of(Operation::Responses, event.as_bytes(), false, false)
        };
        for (item, expected) in [
            (
                r#"{"id":"cu_1","type":"computer_call","action":{}}"#,
                Course::Ends,
            ),
            (
                r#"{"id":"ig_1","type":"image_generation_call"}"#,
                Course::Ends,
            ),
            (
                r#"{"id":"rs_1","type":"reasoning","summary":[]}"#,
                Course::Unknown,
            ),
            (r#"{"id":"ws_1","type":"web_search_call"}"#, Course::Unknown),
            (
                r#"{"id":"rs_1","type":"reasoning","text":"\"type\":\"computer_call\""}"#,
                Course::Unknown,
            ),
        ] {
            assert_eq!(done(item), expected, "{item}");
        }
    }

    #[test]
    fn the_beginning_of_an_event_may_show_the_end() {
        let ends = |operation, text: &str| Course::ends_in(operation, text.as_bytes());
        assert!(ends(CHAT, r#"data: {"choices":[{"finish_reason":"s"#));
        assert!(!ends(CHAT, r#"data: {"choices":[{"finish_reason":null,"#));
        assert!(!ends(CHAT, r#"data: {"choices":[{"finish_rea"#));
        let responses = Operation::Responses;
        assert!(ends(
            responses,
            r#"data: {"type":"response.completed","res"#
        ));
        assert!(!ends(responses, r#"data: {"type":"response.comple"#));
        assert!(ends(responses, "event: response.output_text.done"));
        assert!(!ends(responses, "event: response.output_text.d"));
        assert!(!ends(
            responses,
            r#"data: {"type":"response.output_text.delta","#
        ));
    }
}
