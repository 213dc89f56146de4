//! How far the estimate of reasoning is off: streams of the fake that break off, against what it billed to
//! that point. Its clock is computed, not waited for. The table of docs/metering.md is printed by
//! `cargo nextest run --workspace -E 'binary(reasoning)' --no-capture`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tollgate::access::Operation;
use tollgate::usage::{
    BodyFormat, EstimateInput, Meter, Prompt, ReasoningRates, Thinking, Thought, estimate,
};
use tollgate_integration::fakes::azure::ledger::{Ledger, Tokens};
use tollgate_integration::fakes::azure::plan::Player;
use tollgate_integration::fakes::azure::prompt;
use tollgate_integration::fakes::azure::route;
use tollgate_integration::fakes::azure::script::Script;
use tollgate_integration::fakes::azure::tokenizer::Encoding;
use tollgate_integration::fakes::azure::turn::{Speaker, Turn};
use tollgate_integration::fakes::azure::{chat, responses};
use tollgate_integration::fakes::body::Step;

const MODEL: &str = "o4-mini-2025-04-16";
/// Answers from which the rate is learnt, and answers that break off.
const REPORTED: u64 = 30;
const BROKEN: u64 = 300;
/// Events with text that are read before the client hangs up.
const TEXTS: usize = 5;

/// Numbers that look random and are the same in each run (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from + (self.0 >> 33) % (to - from)
    }
}

/// How a deployment behaves.
struct Behaviour {
    name: &'static str,
    /// Milliseconds of a token, from and to.
    token_ms: (u64, u64),
    /// Milliseconds until it begins.
    queue_ms: (u64, u64),
    /// Tokens of reasoning.
    reasoning: (u64, u64),
}

/// What came of one stream until the client hung up.
struct Read {
    billed: Tokens,
    until_text: Duration,
    input: EstimateInput,
    was_reported: bool,
}

fn read(behaviour: &Behaviour, dice: &mut Dice, hangs_up: bool, is_chat: bool) -> Read {
    let mut ms = |(from, to): (u64, u64)| Duration::from_millis(dice.between(from, to));
    let script = Script {
        first_byte_delay: ms(behaviour.queue_ms),
        token_delay: ms(behaviour.token_ms),
        reasoning_tokens: dice.between(behaviour.reasoning.0, behaviour.reasoning.1),
        output_tokens: Some(40),
        ..Script::default()
    };
    let body = json!({
        "messages": [{"role": "user", "content": "Hi"}],
        "input": "Hi",
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    let (operation, asked) = match is_chat {
        true => (Operation::ChatCompletions, route::Operation::Chat),
        false => (Operation::Responses, route::Operation::Responses),
    };
    let speaker = Speaker {
        operation: asked,
        deployment: "thinker",
        model: MODEL,
        reasons: true,
    };
    let prompt = prompt::chat(&body, Encoding::of(MODEL));
    let turn = Turn::new(speaker, body.clone(), &prompt, &script);
    let plan = match is_chat {
        true => chat::plan(&turn),
        false => responses::stream::plan(&turn, &responses::store::ResponseStore::default()),
    };
    let ledger = Arc::new(Ledger::default());
    let player = Player::new(plan, &script, ledger.open(None));
    let mut meter = Meter::new(operation, BodyFormat::EventStream, false);
    let (mut now, mut until_text, mut texts) = (script.first_byte_delay, None, 0);
    for step in player {
        match step {
            Step::Wait(pause) => now += pause,
            Step::Write(bytes) => {
                meter.feed(&bytes, false);
                if meter.has_text() {
                    until_text.get_or_insert(now);
                    texts += 1;
                }
            }
            Step::Flush | Step::Trailer | Step::Abort => {}
        }
        if hangs_up && texts == TEXTS {
            break;
        }
    }
    let entry = ledger.entries().pop().expect("the bill is settled");
    let metered = meter.finish();
    Read {
        billed: entry.tokens,
        until_text: until_text.expect("text"),
        was_reported: metered.counts.is_some(),
        input: EstimateInput {
            operation,
            model: MODEL.into(),
            prompt: Prompt::of_body(body.to_string().into_bytes()),
            text: metered.text,
            dropped_text_bytes: metered.dropped_text_bytes,
            output_at_least: 0,
            thinking: None,
        },
    }
}

/// The mean and the worst error of the tokens of an answer, and that of their sum, in percent.
fn errors(behaviour: &Behaviour, is_measured: bool, is_chat: bool) -> (f64, f64, f64) {
    let mut dice = Dice(1);
    let (rates, name) = (ReasoningRates::default(), Arc::from("thinker"));
    for _ in 0..REPORTED {
        let read = read(behaviour, &mut dice, false, is_chat);
        assert!(read.was_reported, "it was read to its end");
        let thought = Thought {
            tokens: read.billed.reasoning,
            time: read.until_text,
            effort_was_asked_for: false,
        };
        if is_measured {
            rates.note(&name, thought);
        }
    }
    let (mut sum, mut worst, mut charged, mut billed) = (0.0, 0.0_f64, 0, 0);
    for _ in 0..BROKEN {
        let mut read = read(behaviour, &mut dice, true, is_chat);
        assert!(!read.was_reported, "it broke off");
        read.input.thinking = Some(Thinking {
            rate: rates.of("thinker", Some(MODEL)),
            time: read.until_text,
            includes_text: false,
            choices: 1,
            limit: None,
        });
        let counts = estimate(&read.input);
        let error = percent(
            counts.output.abs_diff(read.billed.completion),
            read.billed.completion,
        );
        sum += error;
        worst = worst.max(error);
        charged += counts.output;
        billed += read.billed.completion;
    }
    let mean = sum / f64::from(u32::try_from(BROKEN).expect("a few"));
    (mean, worst, percent(u64::abs_diff(charged, billed), billed))
}

fn percent(part: u64, whole: u64) -> f64 {
    let of_ten_thousand = u32::try_from(part * 10_000 / whole).expect("a share");
    f64::from(of_ten_thousand) / 100.0
}

#[test]
fn reasoning_that_nobody_saw_is_estimated_from_its_time() {
    let steady = Behaviour {
        name: "steady: 10 ms a token, begins at once",
        token_ms: (10, 11),
        queue_ms: (0, 1),
        reasoning: (200, 4000),
    };
    let ordinary = Behaviour {
        name: "8 to 12 ms a token, 0.2 to 1 s until it begins",
        token_ms: (8, 13),
        queue_ms: (200, 1000),
        reasoning: (200, 4000),
    };
    let little = Behaviour {
        name: "the same, little reasoning",
        token_ms: (8, 13),
        queue_ms: (200, 1000),
        reasoning: (20, 200),
    };
    let mut table = String::from("| deployment | measured | mean error | worst | of the sum |\n");
    for (behaviour, is_measured, most_of_sum) in [
        (&steady, true, 1.0),
        (&ordinary, true, 3.0),
        (&little, true, 3.0),
        (&ordinary, false, 10.0),
    ] {
        let (mean, worst, of_sum) = errors(behaviour, is_measured, true);
        let (name, measured) = (behaviour.name, if is_measured { "yes" } else { "no" });
        table += &format!("| {name} | {measured} | {mean:.0} % | {worst:.0} % | {of_sum:.0} % |\n");
        assert!(of_sum <= most_of_sum, "{table}");
        let as_responses = errors(behaviour, is_measured, false);
        let off = (as_responses.2 - of_sum).abs();
        assert!(
            off < 1.0,
            "both APIs are estimated alike: {as_responses:?}\n{table}"
        );
    }
    eprintln!("{table}");
}
