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

const ROUNDS: u32 = 20_000;

/// A chat stream of 100 words, as Azure OpenAI writes it.
fn stream() -> Vec<u8> {
    let word = r#"data: {"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":" word"},"finish_reason":null,"index":0,"logprobs":null}],"created":1785610058,"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk","system_fingerprint":"fp_1","usage":null}"#;
    let usage = r#"data: {"choices":[],"created":1785610058,"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","object":"chat.completion.chunk","usage":{"completion_tokens":100,"prompt_tokens":23,"total_tokens":123}}"#;
    let mut stream = format!("{word}\n\n").repeat(100);
    stream.push_str(&format!("{usage}\n\ndata: [DONE]\n\n"));
    stream.into_bytes()
}

fn measure(name: &str, remove: bool, pieces: &[&[u8]], events: u32) {
    let started = Instant::now();
    for _ in 0..ROUNDS {
        let mut meter = Meter::new(Operation::ChatCompletions, BodyFormat::EventStream, remove);
        for piece in pieces {
            black_box(meter.feed(black_box(piece), false));
        }
        black_box(meter.finish().counts.expect("the usage was found"));
    }
    let nanoseconds = started.elapsed().as_nanos() / u128::from(ROUNDS * events);
    println!("{name:<50} {nanoseconds:>6} ns an event");
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
}
