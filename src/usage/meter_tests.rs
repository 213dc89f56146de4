use proptest::prelude::*;

use super::{BodyFormat, Meter, Metered, Released, TokenCounts};
use crate::access::Operation;

const FIRST: &str = r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#;
const WORD: &str = r#"data: {"choices":[{"delta":{"content":"Grüße 😀 "},"finish_reason":null,"index":0}],"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","usage":null}"#;
const TRAP: &str = r#"data: {"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":9}"},"index":0}],"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","tools":{"usage":{"prompt_tokens":7,"completion_tokens":7}},"usage":null}"#;
const USAGE: &str = r#"data: {"choices":[],"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","usage":{"completion_tokens":11,"prompt_tokens":23,"prompt_tokens_details":{"cached_tokens":16},"total_tokens":34}}"#;
const DONE: &str = "data: [DONE]";

const COUNTS: TokenCounts = TokenCounts {
    input: 23,
    output: 11,
    total: 34,
    cached_input: 16,
    reasoning: 0,
    audio_input: 0,
    audio_output: 0,
    image_input: 0,
    accepted_prediction: 0,
    rejected_prediction: 0,
};

/// A stream with and without its usage event.
fn stream(end: &str) -> (String, String) {
    let join = |events: &[&str]| {
        let lines = events.iter().map(|event| format!("{event}{end}{end}"));
        lines.collect::<String>()
    };
    let comment = format!(": keep alive{end}event: message{end}{WORD}");
    (
        join(&[FIRST, WORD, &comment, TRAP, USAGE, DONE]),
        join(&[FIRST, WORD, &comment, TRAP, DONE]),
    )
}

/// Runs a meter over pieces; gives what the client gets and what was measured.
fn run(operation: Operation, remove: bool, pieces: &[&[u8]]) -> (Vec<u8>, Metered) {
    let mut meter = Meter::new(operation, BodyFormat::EventStream, remove);
    let mut released = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match meter.feed(piece, at + 1 == pieces.len()) {
            Released::Unchanged => released.extend_from_slice(piece),
            Released::Replaced(bytes) => released.extend_from_slice(&bytes),
        }
    }
    (released, meter.finish())
}

fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut from = 0;
    let mut pieces = Vec::new();
    for cut in cuts.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..cut]);
        from = cut;
    }
    pieces
}

#[test]
fn the_usage_event_is_removed_and_nothing_else_changes() {
    for end in ["\n", "\r\n", "\r"] {
        let (with, without) = stream(end);
        for size in 1..with.len() {
            let pieces: Vec<_> = with.as_bytes().chunks(size).collect();
            let (released, metered) = run(Operation::ChatCompletions, true, &pieces);
            assert_eq!(
                String::from_utf8_lossy(&released),
                without,
                "{end:?} in pieces of {size}"
            );
            assert_eq!(metered.counts, Some(COUNTS), "{end:?} in pieces of {size}");
        }
    }
}

#[test]
fn a_client_that_asked_gets_every_byte() {
    let (with, _) = stream("\n");
    for size in 1..with.len() {
        let mut meter = Meter::new(Operation::ChatCompletions, BodyFormat::EventStream, false);
        for piece in with.as_bytes().chunks(size) {
            assert_eq!(
                meter.feed(piece, false),
                Released::Unchanged,
                "pieces of {size}"
            );
        }
        let metered = meter.finish();
        assert_eq!(metered.counts, Some(COUNTS));
        assert_eq!(metered.model.as_deref(), Some("gpt-4o-2024-08-06"));
        assert_eq!(
            metered.text, "",
            "text is not kept where the usage was reported"
        );
    }
}

#[test]
fn whole_pieces_pass_without_a_copy() {
    let mut meter = Meter::new(Operation::ChatCompletions, BodyFormat::EventStream, true);
    let piece = format!("{FIRST}\n\n{WORD}\n\n");
    assert_eq!(meter.feed(piece.as_bytes(), false), Released::Unchanged);
    assert!(meter.has_text(), "the first word came");
}

#[test]
fn the_filters_event_is_not_the_first_token() {
    let mut meter = Meter::new(Operation::ChatCompletions, BodyFormat::EventStream, false);
    meter.feed(format!("{FIRST}\n\n").as_bytes(), false);
    assert!(!meter.has_text(), "it has no choice");
}

#[test]
fn a_usage_that_comes_with_a_choice_is_counted_and_stays() {
    let event = "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    let (released, metered) = run(Operation::ChatCompletions, true, &[event.as_bytes()]);
    assert_eq!(released, event.as_bytes());
    assert_eq!(metered.counts.expect("counted").total, 3);
}

#[test]
fn a_stream_without_usage_leaves_its_text() {
    let text = format!("{FIRST}\n\n{WORD}\n\n{WORD}\n\n{DONE}\n\n");
    let (_, metered) = run(Operation::ChatCompletions, true, &[text.as_bytes()]);
    assert_eq!(metered.counts, None);
    assert_eq!(metered.text, "Grüße 😀 Grüße 😀 ");
}

#[test]
fn a_stream_cut_in_an_event_is_released_whole() {
    let text = format!("{WORD}\n\n{WORD}");
    for size in 1..text.len() {
        let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
        let (released, _) = run(Operation::ChatCompletions, true, &pieces);
        assert_eq!(String::from_utf8_lossy(&released), text, "pieces of {size}");
    }
}

#[test]
fn events_of_many_megabytes_are_read_in_bounded_memory() {
    let big = "x".repeat(3 << 20);
    let event = format!(
        "event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{{\"id\":\"resp_1\",\"output\":\"{big}\",\"usage\":{{\"input_tokens\":23,\"output_tokens\":11,\"total_tokens\":34,\"input_tokens_details\":{{\"cached_tokens\":16}}}}}}}}\n\n"
    );
    for remove in [false, true] {
        let pieces: Vec<_> = event.as_bytes().chunks(16 * 1024).collect();
        let (released, metered) = run(Operation::Responses, remove, &pieces);
        assert!(released == event.as_bytes(), "every byte goes on");
        assert_eq!(metered.counts, Some(COUNTS));
        assert_eq!(metered.id.as_deref(), Some("resp_1"));
    }
}

#[test]
fn a_json_answer_is_measured_in_any_pieces() {
    let body = r#"{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"message":{"content":"\"usage\":{}"}}],"usage":{"completion_tokens":11,"prompt_tokens":23,"prompt_tokens_details":{"cached_tokens":16},"total_tokens":34}}"#;
    for size in 1..body.len() {
        let mut meter = Meter::new(Operation::ChatCompletions, BodyFormat::Json, true);
        for piece in body.as_bytes().chunks(size) {
            assert_eq!(meter.feed(piece, false), Released::Unchanged);
        }
        assert_eq!(meter.id(), Some("chatcmpl-1"));
        assert_eq!(meter.finish().counts, Some(COUNTS), "pieces of {size}");
    }
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same(
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let (with, without) = stream(end);
        let pieces = cut(with.as_bytes(), &cuts);
        let (released, metered) = run(Operation::ChatCompletions, true, &pieces);
        prop_assert_eq!(String::from_utf8_lossy(&released), without);
        prop_assert_eq!(metered.counts, Some(COUNTS));
    }

    #[test]
    fn hostile_streams_never_panic_and_lose_nothing(
        bytes in "(data: |\\{\"choices\":\\[\\],|\"usage\":\\{|\"delta\":|\\}|\r|\n|[a-z\"\\[\\]:]){0,80}",
        cuts in proptest::collection::vec(any::<usize>(), 0..9),
    ) {
        let pieces = cut(bytes.as_bytes(), &cuts);
        for operation in Operation::ALL {
            let (released, metered) = run(operation, true, &pieces);
            prop_assert!(released == bytes.as_bytes() || metered.counts.is_some());
        }
    }
}

const STOP: &str = r#"data: {"choices":[{"delta":{},"finish_reason":"stop","index":0}],"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","usage":null}"#;
const ANNOTATION: &str = r#"data: {"choices":[{"content_filter_offsets":{"end_offset":44},"finish_reason":null,"index":0}],"id":"","model":"","usage":null}"#;
const TEXT_DONE: &str = "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"text\":\"Hi\"}";
const ITEM_DONE: &str = "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":{\"id\":\"msg_1\"}}";
const ADDED: &str = "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"item\":{\"id\":\"fc_1\"}}";
const COMPLETED: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"output\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"total_tokens\":3}}}";

/// Feeds events in pieces of a size; gives what the client has had whenever nothing was held back, with
/// whether the usage was known by then.
fn had(operation: Operation, events: &[&str], size: usize) -> Vec<(String, bool)> {
    let stream: String = events.iter().map(|event| format!("{event}\n\n")).collect();
    let mut meter = Meter::new(operation, BodyFormat::EventStream, false).holding_back();
    let (mut read, mut had) = (Vec::new(), Vec::new());
    for piece in stream.as_bytes().chunks(size) {
        meter.feed(piece, false);
        read.extend_from_slice(piece);
        if !meter.is_held_back() {
            let text = String::from_utf8_lossy(&read).into_owned();
            had.push((text, meter.has_streamed_usage()));
        }
    }
    assert_eq!(
        had.last().map(|(text, _)| text),
        Some(&stream),
        "all of it in the end, in pieces of {size}"
    );
    had
}

#[test]
fn nobody_has_the_end_of_an_answer_before_its_usage_is_known() {
    let chat = [FIRST, WORD, STOP, ANNOTATION, USAGE, DONE];
    let responses = [TEXT_DONE, ITEM_DONE, COMPLETED];
    for (operation, events, end) in [
        (
            Operation::ChatCompletions,
            &chat[..],
            "\"finish_reason\":\"stop\"",
        ),
        (
            Operation::Responses,
            &responses[..],
            "event: response.output_text.done",
        ),
        (
            Operation::Responses,
            &responses[2..],
            "event: response.completed",
        ),
    ] {
        for size in 1..400 {
            for (text, is_known) in had(operation, events, size) {
                assert!(
                    is_known || !text.contains(end),
                    "in pieces of {size}: {text}"
                );
            }
        }
    }
}

#[test]
fn what_goes_on_is_held_back_no_longer() {
    let chat = [FIRST, STOP, WORD, WORD, USAGE];
    let responses = [TEXT_DONE, ITEM_DONE, ADDED, COMPLETED];
    for (operation, events, released) in [
        (Operation::ChatCompletions, &chat[..], &chat[..3]),
        (Operation::Responses, &responses[..], &responses[..3]),
    ] {
        let size = 7;
        let until: String = released.iter().map(|it| format!("{it}\n\n")).collect();
        let had = had(operation, events, size);
        let is_released = |(text, is_known): &(String, bool)| !is_known && text.starts_with(&until);
        assert!(had.iter().any(is_released), "{operation}: {had:?}");
    }
}

#[test]
fn words_are_never_held_back() {
    let events = [FIRST, WORD, WORD, TRAP, ANNOTATION, WORD];
    let pieces: Vec<_> = events.iter().map(|it| format!("{it}\n\n")).collect();
    let mut meter = Meter::new(Operation::ChatCompletions, BodyFormat::EventStream, true);
    meter = meter.holding_back();
    for piece in pieces {
        meter.feed(piece.as_bytes(), false);
        assert!(!meter.is_held_back(), "{piece}");
    }
}

#[test]
fn a_response_that_ends_without_usage_is_held_back_no_longer() {
    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"usage\":null}}";
    had(Operation::Responses, &[TEXT_DONE, failed], 1000);
}
