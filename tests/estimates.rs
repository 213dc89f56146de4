//! How far estimates are from what a service bills: `cargo nextest run --workspace -E
//! 'binary(estimates)' --no-capture` prints the table of docs/metering.md.
//!
//! The oracle is the list of tokens of the whole text. A stream that breaks off after some of them
//! has shown their characters, and was billed their number; the estimate sees the characters only.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::fmt::Write as _;

use bpe_openai::{Tokenizer, cl100k_base, o200k_base};
use tollgate::access::Operation;
use tollgate::usage::{EstimateInput, Prompt, estimate};

/// The goal for text, in percent.
const MAX_ERROR_PERCENT: f64 = 2.0;

const ENGLISH: &str = "A toll gate asks for a coin and lets the cart pass. The keeper wrote down each one, because the road had to be paid for, and nobody remembered a fair sum better than the book did. In 1824 the trustees raised the fee to 4½d.; complaints were frequent, but the surface improved within a year — or so the minutes say.";
const CODE: &str = "async fn settle(mut self: Box<Self>, end: End) -> Result<UsageRecord, Error> {\n    let Some(open) = self.open.take() else { return Err(Error::Closed) };\n    for (index, piece) in open.pieces.iter().enumerate() {\n        if piece.len() > MAX_BYTES && index % 2 == 0 { continue; }\n        self.total += u64::try_from(piece.len())?; // bytes\n    }\n    Ok(UsageRecord { total: self.total, ..Default::default() })\n}\n";
const GERMAN: &str = "Die Mautstelle öffnet um sieben Uhr, und wer früher kommt, muss warten. Übermäßige Eile hilft nicht: Der Wärter prüft jeden Wagen, schreibt die Straßenbenutzungsgebühr auf und hebt erst danach den Schlagbaum. »Großzügigkeit«, sagt er, »ist keine Buchhaltung.«";
const CHINESE: &str = "收费站早上七点开门，来得早的人必须等待。看守人检查每一辆马车，记下过路费，然后才抬起栏杆。他说：“慷慨不是会计。”一九四九年以后，这条路由国家管理，费用也随之取消了。";
const EMOJI: &str = "🚧 Stop! 👮‍♀️ Pay 🪙🪙 here ➡️ then go 🚗💨 👩‍👩‍👧‍👦 families free 🎉🎊 ✅ 🇩🇪🇫🇷🇯🇵 welcome 🙏🏽 see you 👋🏿 soon ❤️‍🔥";
const JSON_TOOL: &str = "{\"city\":\"Zürich\",\"from\":\"2026-11-23T08:30:00Z\",\"options\":{\"metric\":true,\"days\":[1,2,3],\"limits\":{\"max_wind_kmh\":42.5,\"min_temperature\":-7}},\"note\":\"a report with \\\"usage\\\":{\\\"prompt_tokens\\\":1} in it\",\"ids\":[\"b1946ac9\",\"591785b7\"]}";

/// How far the estimates of a text are off when its stream ends after each of its tokens.
struct Errors {
    cuts: u64,
    billed: u64,
    off: u64,
    worst: u64,
}

fn errors(tokenizer: &Tokenizer, model: &str, text: &str) -> Errors {
    let tokens = tokenizer.encode(text);
    let mut found = Errors {
        cuts: 0,
        billed: 0,
        off: 0,
        worst: 0,
    };
    let mut shown = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        shown.extend_from_slice(tokenizer.bpe.token_bytes(*token));
        let billed = u64::try_from(at + 1).expect("a count");
        // A character that is not whole is billed and not shown.
        let valid = std::str::from_utf8(&shown).map_or_else(|it| it.valid_up_to(), str::len);
        let whole = String::from_utf8_lossy(shown.get(..valid).unwrap_or_default()).into_owned();
        let counts = estimate(&EstimateInput {
            operation: Operation::ChatCompletions,
            model: model.into(),
            prompt: Prompt::Length(0),
            text: whole,
            dropped_text_bytes: 0,
            thinking: None,
            output_at_least: 0,
        });
        let off = counts.output.abs_diff(billed);
        found.cuts += 1;
        found.billed += billed;
        found.off += off;
        found.worst = found.worst.max(off);
    }
    found
}

#[test]
fn an_estimate_of_text_is_within_two_percent_wherever_the_stream_ends() {
    let mut table = String::from("| text | encoding | cuts | mean error | worst, in tokens |\n");
    for (name, text) in [
        ("English", ENGLISH),
        ("code", CODE),
        ("German", GERMAN),
        ("Chinese", CHINESE),
        ("emoji", EMOJI),
        ("JSON of a tool", JSON_TOOL),
    ] {
        for (encoding, tokenizer, model) in [
            ("o200k_base", o200k_base(), "gpt-4o-2024-08-06"),
            ("cl100k_base", cl100k_base(), "gpt-35-turbo"),
        ] {
            let text = text.repeat(4);
            let found = errors(tokenizer, model, &text);
            let percent = |part: u64, whole: u64| {
                let per_million = u32::try_from(part * 1_000_000 / whole).expect("a share");
                f64::from(per_million) / 10_000.0
            };
            let error = percent(found.off, found.billed);
            writeln!(
                table,
                "| {name} | `{encoding}` | {} | {error:.2} % | {} |",
                found.cuts, found.worst
            )
            .expect("text");
            assert!(error <= MAX_ERROR_PERCENT, "{name}, {encoding}: {error} %");
            let whole = tokenizer.count(&text);
            let whole = u64::try_from(whole).expect("a count");
            assert_eq!(found.cuts, whole, "{name}: a stream that ends is exact");
        }
    }
    eprintln!("{table}");
}

#[test]
fn counts_per_piece_would_not_do() {
    let tokenizer = o200k_base();
    let pieces: Vec<_> = ENGLISH.as_bytes().chunks(4).collect();
    let sum: usize = pieces
        .iter()
        .map(|piece| tokenizer.count(&String::from_utf8_lossy(piece)))
        .sum();
    assert!(
        sum * 10 > tokenizer.count(ENGLISH) * 13,
        "30 % too many, at least"
    );
}
