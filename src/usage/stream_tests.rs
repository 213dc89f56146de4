//! Streams of every shape that the grammar allows, cut anywhere: the usage event goes exactly when
//! the client did not ask for it, and not one other byte.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{BodyFormat, Meter, Released, TokenCounts};
use crate::access::Operation;

const WORD: &str = r#"{"choices":[{"content_filter_results":{},"delta":{"content":"Grüße 😀 "},"finish_reason":null,"index":0}],"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","usage":null}"#;
const FIRST: &str = r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#;
const ANNOTATION: &str = r#"{"choices":[{"content_filter_offsets":{"check_offset":44},"content_filter_results":{},"finish_reason":null,"index":0}],"id":"","model":"","object":""}"#;
const TRAP: &str = r#"{"choices":[{"delta":{"content":"\"choices\":[],\"usage\":{\"prompt_tokens\":9}"},"index":0}],"tools":{"usage":{"prompt_tokens":7}},"usage":null}"#;
const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop","index":0}],"model":"gpt-4o-2024-08-06","usage":null}"#;
const USAGE_HEAD: &str = r#"{"choices":[],"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","#;
const USAGE_TAIL: &str =
    r#""usage":{"completion_tokens":11,"prompt_tokens":23,"total_tokens":34}}"#;

/// The lines of one event, without their ends.
fn other_event() -> impl Strategy<Value = Vec<String>> {
    let data = |text: &str| vec![format!("data: {text}")];
    prop_oneof![
        4 => Just(data(WORD)),
        1 => Just(data(FIRST)),
        1 => Just(data(ANNOTATION)),
        1 => Just(data(TRAP)),
        1 => Just(data(STOP)),
        1 => Just(data("[DONE]")),
        1 => Just(vec![": keep alive".to_owned()]),
        1 => Just(vec!["id: 7".to_owned(), "retry: 10".to_owned(), format!("data:{WORD}")]),
        1 => Just(vec![
            "event: message".to_owned(),
            "data: {\"choices\":".to_owned(),
            "data".to_owned(),
            "data: [{\"delta\":{\"content\":\"x\"}}]}".to_owned(),
        ]),
        1 => Just(Vec::new()),
        1 => (1000..200_000_usize).prop_map(|length| {
            vec![format!(r#"data: {{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "é".repeat(length / 2))]
        }),
    ]
}

/// The usage event in its usual form, over several lines, with a comment in it, or long.
fn usage_event() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        3 => Just(vec![format!("data: {USAGE_HEAD}{USAGE_TAIL}")]),
        1 => Just(vec![format!("data: {USAGE_HEAD}"), format!("data:{USAGE_TAIL}")]),
        1 => Just(vec![
            ": a comment".to_owned(),
            "event: x".to_owned(),
            format!("data: {USAGE_HEAD}"),
            "id: 1".to_owned(),
            format!("data: {USAGE_TAIL}"),
        ]),
        1 => Just(vec![format!("data: {} {USAGE_HEAD}{USAGE_TAIL}", " ".repeat(5000))]),
    ]
}

#[derive(Debug)]
struct Generated {
    before: Vec<u8>,
    usage: Vec<u8>,
    after: Vec<u8>,
}

fn generated() -> impl Strategy<Value = Generated> {
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let bom = prop_oneof![Just(""), Just("\u{feff}")];
    let others = || vec(other_event(), 0..8);
    (end, bom, others(), usage_event(), others()).prop_map(|(end, bom, before, usage, after)| {
        let write = |lines: &Vec<String>| {
            let lines: String = lines.iter().map(|line| format!("{line}{end}")).collect();
            format!("{lines}{end}").into_bytes()
        };
        let write_all = |events: &[Vec<String>]| events.iter().flat_map(write).collect::<Vec<u8>>();
        // A first event, so that the BOM never belongs to the usage.
        let first = format!("{bom}data: {FIRST}{end}{end}").into_bytes();
        Generated {
            before: [first, write_all(&before)].concat(),
            usage: write(&usage),
            after: write_all(&after),
        }
    })
}

fn run(remove: bool, stream: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<TokenCounts>) {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    let mut meter = Meter::new(Operation::ChatCompletions, BodyFormat::EventStream, remove);
    let mut released = Vec::new();
    for pair in cuts.windows(2) {
        let piece = &stream[pair[0]..pair[1]];
        match meter.feed(piece, pair[1] == stream.len()) {
            Released::Unchanged => released.extend_from_slice(piece),
            Released::Replaced(bytes) => released.extend_from_slice(&bytes),
        }
    }
    let metered = meter.finish();
    assert_eq!(
        metered.bytes,
        u64::try_from(stream.len()).expect("a length")
    );
    (released, metered.counts)
}

proptest! {
    #[test]
    fn the_usage_event_goes_and_nothing_else(
        stream in generated(),
        cuts in vec(any::<usize>(), 0..40),
    ) {
        let Generated { before, usage, after } = &stream;
        let with = [before.as_slice(), usage, after].concat();
        let without = [before.as_slice(), after].concat();
        let counts = TokenCounts { input: 23, output: 11, total: 34, ..TokenCounts::default() };
        let (released, found) = run(true, &with, &cuts);
        prop_assert!(released == without, "{:?}", String::from_utf8_lossy(&released));
        prop_assert_eq!(found, Some(counts));
        let (released, found) = run(false, &with, &cuts);
        prop_assert!(released == with, "a client that asked gets every byte");
        prop_assert_eq!(found, Some(counts));
        let (released, found) = run(true, &without, &cuts);
        prop_assert!(released == without, "there is nothing to remove");
        prop_assert_eq!(found, None);
    }
}

#[test]
fn the_reason_to_stop_and_the_fingerprint_are_found_in_a_stream() {
    use super::FinishReason;
    let stop = r#"data: {"choices":[{"delta":{},"finish_reason":"length","index":0}],"model":"m","system_fingerprint":"fp_1","usage":null}"#;
    let filter = stop.replace("length", "content_filter");
    let run = |events: &[&str]| {
        let mut meter = Meter::new(Operation::ChatCompletions, BodyFormat::EventStream, false);
        for event in events {
            meter.feed(format!("{event}\n\n").as_bytes(), false);
        }
        meter.finish()
    };
    let word = format!("data: {WORD}");
    let metered = run(&[&word, &word, stop]);
    assert_eq!(metered.finish_reason, Some(FinishReason::Length));
    assert_eq!(metered.system_fingerprint.as_deref(), Some("fp_1"));
    let metered = run(&[&word, stop, &filter]);
    assert_eq!(
        metered.finish_reason,
        Some(FinishReason::ContentFilter),
        "of several choices the filter's"
    );
    assert_eq!(run(&[&word]).finish_reason, None);
}

#[test]
fn a_response_ends_by_its_status_or_the_reason_why_it_is_incomplete() {
    use super::FinishReason;
    for (end, expected) in [
        (r#""status":"completed""#, Some(FinishReason::Stop)),
        (
            r#""status":"failed","error":{"code":"server_error"}"#,
            Some(FinishReason::Failed),
        ),
        (r#""status":"cancelled""#, Some(FinishReason::Cancelled)),
        (
            r#""status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}"#,
            Some(FinishReason::Length),
        ),
        (
            r#""incomplete_details":{"reason":"content_filter"},"status":"incomplete""#,
            Some(FinishReason::ContentFilter),
        ),
        (r#""status":"queued""#, None),
    ] {
        let whole = format!(r#"{{"id":"resp_1",{end},"output":[{{"status":"x"}}]}}"#);
        let mut json = Meter::new(Operation::Responses, BodyFormat::Json, false);
        json.feed(whole.as_bytes(), true);
        let json = json.finish();
        assert_eq!(json.finish_reason, expected, "{end}");
        assert_eq!(json.is_pending, end.contains("queued"), "{end}");
        let mut events = Meter::new(Operation::Responses, BodyFormat::EventStream, false);
        let event = format!("event: x\ndata: {{\"type\":\"x\",\"response\":{whole}}}\n\n");
        events.feed(event.as_bytes(), true);
        assert_eq!(events.finish().finish_reason, expected, "{end} in an event");
    }
}

#[test]
fn a_stream_of_a_response_shows_its_items_in_whatever_pieces_it_comes() {
    use crate::access::ObjectKind;
    let event =
        |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\",{rest}}}\n\n");
    let delta = event(
        "response.output_text.delta",
        r#""item_id":"msg_no","delta":"\"item\":{\"id\":\"no\"}""#,
    );
    let code = format!(
        r#""item":{{"id":"ci_1","type":"code_interpreter_call","code":"{}","container_id":"cntr_1"}}"#,
        "x".repeat(100_000)
    );
    let stream = [
        event("response.created", r#""response":{"id":"resp_1","model":"m","output":[]}"#),
        event("response.output_item.added", r#""item":{"id":"rs_1","type":"reasoning"}"#),
        delta.clone(),
        event("response.output_item.done", &code),
        delta,
        event("response.output_item.added", r#""item" : {"type":"message","id":"msg_1"}"#),
        event(
            "response.completed",
            r#""response":{"id":"resp_1","model":"m","output":[{"id":"rs_1"},{"id":"late_1"}],"usage":{"input_tokens":1,"output_tokens":1}}"#,
        ),
    ]
    .concat();
    let expected = [
        (ObjectKind::Item, "rs_1"),
        (ObjectKind::Item, "ci_1"),
        (ObjectKind::Container, "cntr_1"),
        (ObjectKind::Item, "msg_1"),
        (ObjectKind::Item, "rs_1"),
        (ObjectKind::Item, "late_1"),
    ]
    .map(|(kind, id)| (kind, id.to_owned()));
    for size in [1, 7, 100, 4096, 70_000, stream.len()] {
        let mut meter = Meter::new(Operation::Responses, BodyFormat::EventStream, false);
        let mut shown = Vec::new();
        for piece in stream.as_bytes().chunks(size) {
            meter.feed(piece, false);
            shown.extend(meter.take_shown());
        }
        assert_eq!(shown, expected, "pieces of {size}");
        let mut chat = Meter::new(Operation::ChatCompletions, BodyFormat::EventStream, false);
        chat.feed(
            b"data: {\"model\":\"m\"}\n\ndata: {\"item\":{\"id\":\"x\"}}\n\n",
            true,
        );
        assert_eq!(chat.take_shown(), [], "a chat has no items");
    }
}
