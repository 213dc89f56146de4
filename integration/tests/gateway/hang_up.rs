//! Who hangs up is charged for what was generated: at the end exactly, because nobody has the end of an
//! answer before its usage is known.

use reqwest::{RequestBuilder, Response};
use serde_json::json;
use tollgate_integration::stack::Stack;

use crate::books::{assert_equals_bill, bills, by_request, ledger, records, with_ledger};
use crate::support::{hello_stream, send, settled, usage_line};

/// Reads a stream until something stands in it, and hangs up.
async fn hang_up_at(mut answer: Response, mark: &str) -> String {
    let mut bytes = Vec::new();
    let mut text = String::new();
    while !text.contains(mark) {
        let piece = answer.chunk().await.expect("a piece");
        let piece = piece.unwrap_or_else(|| panic!("{mark} did not come: {text}"));
        bytes.extend_from_slice(&piece);
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    text
}

/// Streams of each operation, and what shows their clients that the text is over.
fn streams(stack: &Stack) -> Vec<(RequestBuilder, &'static str)> {
    const STOP: &str = "\"finish_reason\":\"stop\"";
    let mut asked = hello_stream();
    asked["stream_options"] = json!({"include_usage": true});
    let mut several = hello_stream();
    several["n"] = 3.into();
    let completion = json!({"model": "gpt-35-turbo-instruct", "prompt": "Once", "stream": true});
    let response = json!({"model": "gpt-4o", "input": "Hi", "stream": true});
    vec![
        (stack.chat(&hello_stream()), STOP),
        (stack.chat(&asked), STOP),
        (stack.chat(&several), STOP),
        (stack.post("/openai/v1/completions", &completion), STOP),
        (
            stack.post("/openai/v1/responses", &response),
            "event: response.output_text.done",
        ),
    ]
}

#[tokio::test]
async fn who_hangs_up_at_the_end_is_charged_to_the_token() {
    let options = with_ledger("")
        .edit_config(|yaml| yaml.replace("[gpt-4o, ", "[gpt-4o, gpt-35-turbo-instruct, "));
    let stack = Stack::start(options).await;
    let mut count = 0;
    for split in [None, Some("1")] {
        for (request, mark) in streams(&stack) {
            let request = request
                .header("x-fake-output-tokens", "20")
                .header("x-fake-reasoning-tokens", "2000");
            let request = match split {
                // Each byte is a piece of its own.
                Some(bytes) => request.header("x-fake-split", bytes),
                // Each event is.
                None => request.header("x-fake-event-delay-us", "20000"),
            };
            hang_up_at(send(request).await, mark).await;
            count += 1;
        }
    }
    settled(&stack, count).await;
    let count = usize::try_from(count).expect("a few");
    let rows = by_request(records(&ledger(&stack).await, count).await);
    for (id, bill) in bills(&stack) {
        assert_eq!(rows[&id].source, "reported", "{bill:?}");
        assert_equals_bill(&rows[&id], &bill);
        assert!(bill.tokens.reasoning > 0, "{bill:?}");
    }
}

#[tokio::test]
async fn a_usage_that_does_not_come_holds_nobody_up() {
    let stack = crate::support::stack().await;
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-fault", "stall-before-usage");
    // It stays open, and says nothing more: the client has the end all the same.
    let text = hang_up_at(send(request).await, "\"finish_reason\":\"stop\"").await;
    assert!(!text.contains("[DONE]"), "{text}");
    let usage = usage_line(&stack).await;
    assert_eq!(usage["source"], "estimated", "{usage}");
    assert_eq!(usage["source_reason"], "incomplete", "{usage}");
    settled(&stack, 1).await;
    let [bill] = stack.azure.ledger().try_into().expect("one request");
    assert_eq!(usage["output_tokens"], bill.tokens.completion, "{usage}");
}

#[tokio::test]
async fn a_stream_without_usage_is_not_held_back_at_its_end() {
    let stack = crate::support::stack().await;
    for fault in [
        "filter-cut",
        "no-usage",
        "error-mid-stream",
        "drop-mid-stream",
    ] {
        let request = stack.chat(&hello_stream()).header("x-fake-fault", fault);
        let answer = send(request).await.text().await;
        let is_whole = answer.is_ok_and(|text| text.contains("data: "));
        assert_eq!(is_whole, fault != "drop-mid-stream", "{fault}");
    }
}

#[tokio::test]
async fn who_hangs_up_in_mid_answer_is_charged_for_the_reasoning_that_went_before() {
    let stack = crate::support::stack().await;
    let body = json!({"model": "gpt-4o", "input": "Hi", "stream": true});
    let thinking = |tokens: &str, body: &serde_json::Value| {
        let request = stack.post("/openai/v1/responses", body);
        request
            .header("x-fake-reasoning-tokens", tokens)
            .header("x-fake-token-delay-ms", "2")
            .header("x-fake-output-tokens", "20")
    };
    // The rate is learnt from answers that say it.
    for _ in 0..3 {
        let answer = send(thinking("200", &body)).await;
        answer.text().await.expect("a whole answer");
    }
    let mut bounded = body.clone();
    bounded["max_output_tokens"] = 150.into();
    for (tokens, body) in [("400", &body), ("100", &bounded)] {
        let answer = send(thinking(tokens, body)).await;
        hang_up_at(answer, "response.output_text.delta").await;
    }
    settled(&stack, 5).await;
    let audit = stack.tollgate().audit();
    let lines = audit.wait_for_count("five records", 5).await;
    let bills = bills(&stack);
    for usage in &lines[3..] {
        let bill = &bills[usage["request_id"].as_str().expect("an id")];
        assert_eq!(usage["source"], "estimated", "{usage}");
        let (charged, billed) = (usage["reasoning_tokens"].as_u64(), bill.tokens.reasoning);
        let charged = charged.expect("a number");
        // How fast this machine is just now is part of it.
        assert!(
            billed <= charged * 2 && charged <= billed * 2,
            "{usage}\n{bill:?}"
        );
        assert_eq!(usage["input_tokens"], bill.tokens.prompt, "{usage}");
    }
    let most = lines[4]["output_tokens"].as_u64().expect("a number");
    assert!(most <= 150, "more than was asked for: {}", lines[4]);
}
