//! What goes wrong on request, and what is billed then.

use crate::rig::{Rig, ask, events, json_of, send, stream, text};
use serde_json::json;
use tollgate_integration::fakes::azure::ledger::Outcome;
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::fakes::azure::tokenizer::Encoding;

const FAULT: &str = "x-fake-fault";

/// Longer than any test waits.
const ENDLESS: &str = "100000";

async fn a_client_that_goes_is_charged(rig: Rig) {
    let request = rig.chat(&stream("Tell me everything"));
    let request = request
        .header("x-fake-output-tokens", ENDLESS)
        .header("x-fake-token-delay-ms", "1");
    let mut response = send(request).await;
    let mut seen = String::new();
    while !seen.contains("You asked about") && !seen.contains("\"content\":\" about\"") {
        let chunk = response.chunk().await.expect("a chunk").expect("more");
        seen.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert_eq!(rig.azure.open_requests(), 1, "settled while it streams");
    drop(response);
    drop(rig.client);
    rig.azure.settled(1).await;
    let entry = &rig.azure.ledger()[0];
    assert_eq!(entry.outcome, Outcome::ClientGone);
    let generated = entry.tokens.completion;
    assert!((3..100_000).contains(&generated), "{generated} tokens");
    assert_eq!(entry.tokens.prompt, 10, "the prompt is charged too");
}

#[tokio::test]
async fn a_client_that_hangs_up_on_http1_is_charged_for_what_was_generated() {
    a_client_that_goes_is_charged(Rig::start().await).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_on_http2_is_charged_for_what_was_generated() {
    a_client_that_goes_is_charged(Rig::http2().await).await;
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_json_is_charged_for_what_was_generated() {
    let rig = Rig::start().await;
    let request = rig.chat(&ask("hello", &json!({})));
    let request = request
        .header("x-fake-output-tokens", ENDLESS)
        .header("x-fake-token-delay-ms", "1");
    tokio::select! {
        answer = request.send() => panic!("an answer: {answer:?}"),
        () = rig.azure.arrived(1) => {}
    }
    rig.azure.settled(1).await;
    let entry = &rig.azure.ledger()[0];
    assert_eq!(entry.outcome, Outcome::ClientGone);
    assert!(entry.tokens.prompt > 0, "the prompt is not charged");
    assert!(entry.tokens.completion < 100_000, "all of it is charged");
}

async fn a_dropped_stream_is_billed_so_far(rig: Rig) {
    let request = rig
        .chat(&stream("hello"))
        .header("x-fake-output-tokens", "20");
    let mut response = send(request.header(FAULT, "drop-mid-stream")).await;
    let mut seen = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => seen.extend_from_slice(&chunk),
            end => break end,
        }
    };
    assert!(end.is_err(), "the stream ended as if it were whole");
    let seen = String::from_utf8(seen).expect("whole events");
    assert!(!seen.contains("[DONE]"), "{seen}");
    let entry = &rig.azure.ledger()[0];
    assert_eq!(entry.outcome, Outcome::Cut);
    let shown = Encoding::O200k.count(text(&events(&seen)).as_str());
    assert_eq!(entry.tokens.completion, shown, "billed and shown differ");
}

#[tokio::test]
async fn a_stream_drops_on_http1() {
    a_dropped_stream_is_billed_so_far(Rig::start().await).await;
}

#[tokio::test]
async fn a_stream_drops_on_http2() {
    a_dropped_stream_is_billed_so_far(Rig::http2().await).await;
}

#[tokio::test]
async fn an_error_in_mid_stream_is_an_event_and_an_end_without_done() {
    let rig = Rig::start().await;
    let request = rig.chat(&stream("hello")).header(FAULT, "error-mid-stream");
    let body = send(request).await.text().await.expect("a whole stream");
    let events = events(&body);
    let last = events.last().expect("an event");
    assert_eq!(last["error"]["type"], "server_error", "{body}");
    assert!(!body.contains("[DONE]"), "{body}");
    assert!(rig.azure.ledger()[0].tokens.completion > 0, "not billed");
}

#[tokio::test]
async fn a_cut_by_the_filter_has_a_reason_and_no_usage() {
    let rig = Rig::start().await;
    let request = rig.chat(&stream("hello")).header(FAULT, "filter-cut");
    let body = send(request).await.text().await.expect("a whole stream");
    let events = events(&body);
    let choice = &events.last().expect("an event")["choices"][0];
    assert_eq!(choice["finish_reason"], "content_filter", "{body}");
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(!body.contains("completion_tokens"), "{body}");
    assert!(rig.azure.ledger()[0].tokens.completion > 0, "not billed");
}

#[tokio::test]
async fn a_filtered_prompt_is_a_json_400_even_for_a_stream_and_is_billed() {
    let rig = Rig::start().await;
    let request = rig.chat(&stream("hello")).header(FAULT, "filter-prompt");
    let response = send(request).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["content-type"], "application/json");
    let error = json_of(response).await["error"].clone();
    assert_eq!(error["code"], "content_filter");
    assert_eq!(error["innererror"]["code"], "ResponsibleAIPolicyViolation");
    let entry = &rig.azure.ledger()[0];
    assert_eq!((entry.status, entry.tokens.completion), (400, 0));
    assert!(entry.tokens.prompt > 0, "the prompt is not billed");
}

#[tokio::test]
async fn a_status_is_an_error_of_azure_and_bills_nothing() {
    let rig = Rig::start().await;
    let request = rig.chat(&stream("hello")).header(FAULT, "status-429");
    let response = send(request.header("x-fake-retry-after-ms", "1500")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["retry-after-ms"], "1500");
    assert_eq!(json_of(response).await["error"]["code"], "429");
    assert_eq!(rig.azure.totals().tokens.prompt, 0);
    let entry = &rig.azure.ledger()[0];
    assert_eq!(entry.deployment.as_deref(), Some("gpt-4o"), "who refused");
}

#[tokio::test]
async fn an_answer_may_forget_its_usage() {
    let rig = Rig::start().await;
    let request = rig
        .chat(&ask("hello", &json!({})))
        .header(FAULT, "no-usage");
    let answer = json_of(send(request).await).await;
    assert!(answer["usage"].is_null(), "{answer}");
    let request = rig.chat(&stream("hello")).header(FAULT, "no-usage");
    let body = send(request).await.text().await.expect("a whole stream");
    assert!(!body.contains("completion_tokens"), "{body}");
    assert!(rig.azure.totals().tokens.completion > 0, "not billed");
}

#[tokio::test]
async fn a_reset_before_headers_is_no_answer() {
    for rig in [Rig::start().await, Rig::http2().await] {
        let request = rig.chat(&stream("hello"));
        let outcome = request.header(FAULT, "reset-before-headers").send().await;
        assert!(outcome.is_err(), "an answer: {outcome:?}");
        rig.azure.settled(1).await;
        let entry = &rig.azure.ledger()[0];
        assert_eq!((entry.status, entry.outcome), (0, Outcome::Cut));
    }
}

#[tokio::test]
async fn a_json_answer_drops_in_its_middle() {
    let rig = Rig::start().await;
    let request = rig.chat(&ask("hello", &json!({})));
    let response = send(request.header(FAULT, "drop-mid-stream")).await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err(), "a whole body");
}

#[tokio::test]
async fn a_fault_of_the_whole_fake_is_switched_on_and_off() {
    let rig = Rig::start().await;
    rig.azure.set_fault(Some(Fault::Status(503)));
    let body = ask("hello", &json!({}));
    assert_eq!(send(rig.chat(&body)).await.status(), 503);
    rig.azure.set_fault(None);
    assert_eq!(send(rig.chat(&body)).await.status(), 200);
}

#[tokio::test]
async fn a_typing_mistake_in_a_script_is_an_error() {
    let rig = Rig::start().await;
    let request = rig.chat(&ask("hello", &json!({})));
    let response = send(request.header("x-fake-falt", "status-429")).await;
    assert_eq!(response.status(), 400);
    let message = json_of(response).await["error"]["message"].to_string();
    assert!(message.contains("x-fake-falt"), "{message}");
}
