//! What the meter costs for each event of a stream, without gRPC: `cargo bench --bench meter`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends where it can't go on"
)]

use std::hint::black_box;
use std::time::Instant;

use tollgate::access::Operation;
use tollgate::usage::{BodyFormat, Meter};

/// Rounds in one batch: short, so that most batches run without an interruption.
const BATCH_ROUNDS: u32 = 20;
/// The best batch counts: whatever else the machine did only makes others worse.
const BATCHES: u32 = 1000;

/// A chat stream of 100 words, as Azure OpenAI writes it.
fn stream() -> Vec<u8> {
    let word = r#"data: {"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":" word"},"finish_reason":null,"index":0,"logprobs":null}],"created":1785610058,"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk","system_fingerprint":"fp_1","usage":null}"#;
    let usage = r#"data: {"choices":[],"created":1785610058,"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk","usage":{"completion_tokens":100,"prompt_tokens":23,"total_tokens":123}}"#;
    let mut stream = format!("{word}\n\n").repeat(100);
    stream.push_str(&format!("{usage}\n\ndata: [DONE]\n\n"));
    stream.into_bytes()
}

/// A stream of the responses API: small deltas, and an event at the end with the whole answer.
fn responses(answer_bytes: usize) -> Vec<u8> {
    let delta = r#"event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":7,"item_id":"msg_1","output_index":0,"content_index":0,"delta":" word","logprobs":[]}

"#;
    let line = r#"    let answer = gateway.ask(\"What does it cost?\").await?;\n"#;
    let text = line.repeat(answer_bytes / line.len());
    let end = format!(
        "event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":[{{\"type\":\"message\",\"content\":[{{\"type\":\"output_text\",\"text\":\"{text}\"}}]}}],\"usage\":{{\"input_tokens\":23,\"output_tokens\":100,\"total_tokens\":123}}}}}}\n\n"
    );
    let created = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"gpt-4o","status":"in_progress","usage":null}}

"#;
    let deltas = if answer_bytes > 1000 { 0 } else { 100 };
    let mut stream = format!("{created}{}", delta.repeat(deltas));
    stream.push_str(&end);
    stream.into_bytes()
}

/// Runs the meter over a stream in batches; gives the nanoseconds of a round in the best one.
fn round_ns(operation: Operation, remove: bool, pieces: &[&[u8]], rounds: u32) -> u128 {
    let batch = |_| {
        let started = Instant::now();
        for _ in 0..rounds {
            let mut meter = Meter::new(operation, BodyFormat::EventStream, remove);
            for piece in pieces {
                black_box(meter.feed(black_box(piece), false));
            }
            black_box(meter.finish().counts.expect("the usage was found"));
        }
        started.elapsed().as_nanos() / u128::from(rounds)
    };
    (0..BATCHES).map(batch).min().unwrap_or(0)
}

fn measure(name: &str, remove: bool, pieces: &[&[u8]], events: u128) {
    let round = round_ns(Operation::ChatCompletions, remove, pieces, BATCH_ROUNDS);
    println!("{name:<50} {:>6} ns an event", round / events);
}

fn main() {
    let stream = stream();
    let events: Vec<_> = stream.split_inclusive(|byte| *byte == b'\n').collect();
    let events: Vec<_> = events.chunks(2).map(<[&[u8]]>::concat).collect();
    let single: Vec<_> = events.iter().map(Vec::as_slice).collect();
    let odd: Vec<_> = stream.chunks(1000).collect();
    for remove in [false, true] {
        let what = if remove { "removed" } else { "left in" };
        measure(&format!("one piece, usage {what}"), remove, &[&stream], 102);
        measure(
            &format!("an event a piece, usage {what}"),
            remove,
            &single,
            102,
        );
        measure(
            &format!("pieces of 1000 bytes, usage {what}"),
            remove,
            &odd,
            102,
        );
    }
    let deltas = responses(100);
    let round = round_ns(Operation::Responses, false, &[&deltas], BATCH_ROUNDS);
    println!(
        "{:<50} {:>6} ns an event",
        "responses, one piece",
        round / 101
    );
    let large = responses(1 << 20);
    for size in [large.len(), 16 * 1024] {
        let pieces: Vec<_> = large.chunks(size).collect();
        let round = round_ns(Operation::Responses, false, &pieces, 1);
        let name = format!("an event of 1 MiB, pieces of {size} bytes");
        println!("{name:<50} {:>6} µs", round / 1000);
    }
}
