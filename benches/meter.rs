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

/// A meter of a stream.
#[derive(Clone, Copy)]
struct Kind {
    operation: Operation,
    /// The usage event is removed.
    removes: bool,
    /// The end is held back until the usage has come.
    holds: bool,
}

/// Runs the meter over a stream in batches; gives the nanoseconds of a round in the best one.
fn round_ns(kind: Kind, pieces: &[&[u8]], rounds: u32) -> u128 {
    let batch = |_| {
        let started = Instant::now();
        for _ in 0..rounds {
            let mut meter = Meter::new(kind.operation, BodyFormat::EventStream, kind.removes);
            if kind.holds {
                meter = meter.holding_back();
            }
            for piece in pieces {
                black_box(meter.feed(black_box(piece), false));
                black_box(meter.is_held_back());
            }
            black_box(meter.finish().counts.expect("the usage was found"));
        }
        started.elapsed().as_nanos() / u128::from(rounds)
    };
    (0..BATCHES).map(batch).min().unwrap_or(0)
}

/// Prints what an event costs, without and with its end held back.
fn measure(name: &str, operation: Operation, removes: bool, pieces: &[&[u8]], events: u128) {
    let of = |holds| {
        let kind = Kind {
            operation,
            removes,
            holds,
        };
        round_ns(kind, pieces, BATCH_ROUNDS) / events
    };
    println!(
        "{name:<50} {:>6} ns, held {:>6} ns an event",
        of(false),
        of(true)
    );
}

fn main() {
    let stream = stream();
    let events: Vec<_> = stream.split_inclusive(|byte| *byte == b'\n').collect();
    let events: Vec<_> = events.chunks(2).map(<[&[u8]]>::concat).collect();
    let single: Vec<_> = events.iter().map(Vec::as_slice).collect();
    let odd: Vec<_> = stream.chunks(1000).collect();
    for removes in [false, true] {
        let what = if removes { "removed" } else { "left in" };
        for (name, pieces) in [
            ("one piece", &[stream.as_slice()][..]),
            ("an event a piece", &single),
            ("pieces of 1000 bytes", &odd),
        ] {
            let name = format!("{name}, usage {what}");
            measure(&name, Operation::ChatCompletions, removes, pieces, 102);
        }
    }
    let deltas = responses(100);
    let name = "responses, one piece";
    measure(name, Operation::Responses, false, &[&deltas], 101);
    let large = responses(1 << 20);
    for size in [large.len(), 16 * 1024] {
        let pieces: Vec<_> = large.chunks(size).collect();
        let kind = Kind {
            operation: Operation::Responses,
            removes: false,
            holds: true,
        };
        let round = round_ns(kind, &pieces, 1);
        let name = format!("an event of 1 MiB, pieces of {size} bytes");
        println!("{name:<50} {:>6} µs", round / 1000);
    }
}
