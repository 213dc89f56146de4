//! Mixed load: the ledger, the fake's bills and the metrics must say the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::json;
use tollgate::usage::LedgerRow;
use tollgate_integration::fakes::azure::ledger::Entry;
use tollgate_integration::stack::{Stack, wait_for};

use crate::books::{
    PRICES, assert_equals_bill, bills, by_request, ledger, rows, soak, with_ledger,
};
use crate::support::{call, everything, form, hello, hello_stream, metric, with_form};

/// Callers at once.
const CALLERS: usize = 8;
/// How far an estimate may be from the bill where all of the text was seen: a fiftieth, or this many.
const SLACK: i64 = 2;

/// What a caller does with the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    All,
    /// The first piece, then it hangs up.
    First,
}

/// The kinds of requests, in turn.
fn request(stack: &Stack, number: usize) -> (RequestBuilder, Reads) {
    let response = |stream| json!({"model": "gpt-4o", "input": "Hi", "stream": stream});
    let embedding = json!({"model": "text-embedding-3-large", "input": ["a", "b c"]});
    let long = || {
        stack
            .chat(&hello_stream())
            .header("x-fake-output-tokens", "200")
    };
    let fault =
        |request: RequestBuilder, name: &str| (request.header("x-fake-fault", name), Reads::All);
    match number % 18 {
        0 => (
            stack.chat(&hello()).header("x-fake-cached-tokens", "2"),
            Reads::All,
        ),
        1 => (
            stack
                .chat(&hello_stream())
                .header("x-fake-reasoning-tokens", "3"),
            Reads::All,
        ),
        2 => (stack.post("/openai/v1/embeddings", &embedding), Reads::All),
        3 => (
            stack.post("/openai/v1/responses", &response(false)),
            Reads::All,
        ),
        4 => (
            stack.post("/openai/v1/responses", &response(true)),
            Reads::All,
        ),
        5 => (long().header("x-fake-token-delay-ms", "2"), Reads::First),
        6 => fault(stack.chat(&hello_stream()), "filter-cut"),
        7 => fault(stack.chat(&hello_stream()), "drop-mid-stream"),
        8 => fault(stack.chat(&hello()), "filter-prompt"),
        9 => fault(stack.chat(&hello()), "status-429"),
        10 => fault(stack.chat(&hello()), "status-500"),
        11 => (
            stack.chat(&hello_stream()).header("x-fake-split", "7"),
            Reads::All,
        ),
        12 => (
            stack
                .chat(&hello_stream())
                .header("x-fake-line-ending", "crlf"),
            Reads::All,
        ),
        13 => fault(stack.chat(&hello_stream()), "no-usage"),
        kind => (medium(stack, kind), Reads::All),
    }
}

/// What is not a chat: text, an image, a voice that speaks, one that is heard.
fn medium(stack: &Stack, kind: usize) -> RequestBuilder {
    let image = json!({"model": "gpt-image-1", "prompt": "A toll gate", "n": 2});
    let speech = json!({"model": "tts", "input": "Grüße 😀", "voice": "alloy"});
    match kind {
        14 => stack.post(
            "/openai/v1/completions",
            &json!({"model": "gpt-4o", "prompt": "Once"}),
        ),
        15 => stack.post("/openai/v1/images/generations", &image),
        16 => stack.post("/openai/v1/audio/speech", &speech),
        _ => {
            let fields = [("model", "whisper"), ("response_format", "verbose_json")];
            let path = "/openai/v1/audio/transcriptions";
            let request = call(stack, stack.key.text(), "POST", path);
            with_form(request, form(&fields, Some(("file", &[7; 1230]))))
        }
    }
}

async fn ask(request: RequestBuilder, reads: Reads) {
    let Ok(mut answer) = request.send().await else {
        return;
    };
    match reads {
        Reads::All => drop(answer.text().await),
        Reads::First => drop(answer.chunk().await),
    }
}

/// A record and its bill: equal where the service reported, and near where it was estimated.
fn assert_fits(row: &LedgerRow, bill: &Entry) {
    let billed = |count: u64| i64::try_from(count).expect("a count");
    let (input, output) = (billed(bill.tokens.prompt), billed(bill.tokens.completion));
    let counted = [row.images, row.characters, row.audio_ms];
    let units = [
        bill.units.images,
        bill.units.characters,
        bill.units.audio_ms,
    ];
    assert_eq!(counted, units.map(billed), "{row:?}\n{bill:?}");
    let near = |counted: i64, billed: i64| (counted - billed).abs() <= SLACK.max(billed / 50);
    match (row.source.as_str(), row.source_reason.as_deref()) {
        ("reported", None) => assert_equals_bill(row, bill),
        ("none", Some("refused")) => {
            assert_eq!((row.total_tokens, input + output), (0, 0), "{row:?}")
        }
        ("none", Some("not_reported_by_operation")) => {
            assert_eq!(row.total_tokens, 0, "{row:?}");
            assert!(
                row.characters + row.audio_ms > 0,
                "nothing is counted: {row:?}"
            );
        }
        ("estimated", Some("incomplete")) => {
            assert!(near(row.input_tokens, input), "{row:?}\n{bill:?}");
            // What was reasoned is estimated from its time; all else from what was sent.
            let most = output + SLACK;
            assert!(
                row.output_tokens - row.reasoning_tokens <= most,
                "what was not sent can't be counted: {row:?}\n{bill:?}"
            );
        }
        ("estimated", Some(_)) => {
            assert!(near(row.input_tokens, input), "{row:?}\n{bill:?}");
            let (seen, shown) = (
                row.output_tokens - row.reasoning_tokens,
                output - billed(bill.tokens.reasoning),
            );
            assert!(near(seen, shown), "{row:?}\n{bill:?}");
        }
        other => panic!("{other:?}: {row:?}"),
    }
}

async fn assert_metrics_agree(stack: &Stack, rows: &[LedgerRow]) {
    let sum = |count: fn(&LedgerRow) -> i64| rows.iter().map(count).sum::<i64>();
    for (kind, counted) in [
        ("input", sum(|row| row.input_tokens)),
        ("cached_input", sum(|row| row.cached_tokens)),
        ("output", sum(|row| row.output_tokens)),
        ("reasoning", sum(|row| row.reasoning_tokens)),
    ] {
        let label = format!("tollgate_token_kind=\"{kind}\"");
        let metric = metric(stack, "tollgate_usage_tokens_total", &[&label]).await;
        assert_eq!(metric.to_string(), counted.to_string(), "{kind}");
    }
    for source in ["reported", "estimated", "none"] {
        let label = format!("tollgate_usage_source=\"{source}\"");
        let metric = metric(stack, "tollgate_requests_total", &[&label]).await;
        let counted = rows.iter().filter(|row| row.source == source).count();
        assert_eq!(metric.to_string(), counted.to_string(), "{source}");
    }
}

#[tokio::test]
async fn the_ledger_equals_the_bills_to_the_token_and_so_do_the_metrics() {
    let count = soak("TOLLGATE_SOAK_REQUESTS", 720);
    let options = with_ledger(PRICES).edit_config(|yaml| everything(&yaml));
    let stack = Arc::new(Stack::start(options).await);
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (stack, next) = (Arc::clone(&stack), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let (request, reads) = request(&stack, number);
                    ask(request, reads).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("a caller");
    }
    wait_for("every bill and every record", async || {
        let ended = metric(
            &stack,
            "tollgate_ledger_records_total",
            &["outcome=\"written\""],
        )
        .await;
        let is_there =
            stack.azure.ledger().len() >= count && ended.to_string() == count.to_string();
        if !is_there {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        is_there.then_some(())
    })
    .await;
    let found = rows(&ledger(&stack).await).await;
    assert_metrics_agree(&stack, &found).await;
    let records = by_request(found);
    let bills = bills(&stack);
    assert_eq!(records.len(), count);
    assert_eq!(
        records.keys().collect::<Vec<_>>(),
        bills.keys().collect::<Vec<_>>()
    );
    for (id, row) in &records {
        assert_fits(row, &bills[id]);
    }
    let reported = records
        .values()
        .filter(|row| row.source == "reported")
        .count();
    assert!(reported >= count / 3, "{reported} of {count} were reported");
}
