//! The fast path: the same shapes, the same guard, and the same totals.

use crate::rig::{Rig, ask, events, json_of, send, stream};
use serde_json::json;
use tollgate_integration::fakes::azure::canned::PROMPT_TOKENS;

const CANNED: (&str, &str) = ("x-fake-canned", "1");

#[tokio::test]
async fn canned_answers_are_counted_and_not_logged() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        let request = rig.chat(&ask("hello", &json!({})));
        let answer = json_of(send(request.header(CANNED.0, CANNED.1)).await).await;
        assert_eq!(answer["usage"]["completion_tokens"], 16);
        assert_eq!(answer["usage"]["prompt_tokens"], PROMPT_TOKENS);
    }
    let totals = rig.azure.totals();
    assert_eq!(totals.requests, 3);
    assert_eq!(totals.tokens.completion, 3 * 16);
    assert_eq!(totals.tokens.prompt, 3 * PROMPT_TOKENS);
    assert!(rig.azure.requests().is_empty(), "logged");
}

#[tokio::test]
async fn canned_streams_come_at_once_or_an_event_at_a_time() {
    let rig = Rig::start().await;
    let canned = |delay: &'static str| {
        let request = rig.chat(&stream("hello")).header(CANNED.0, CANNED.1);
        let request = request.header("x-fake-output-tokens", "100");
        send(request.header("x-fake-event-delay-us", delay))
    };
    let at_once = canned("0").await;
    assert_eq!(
        at_once.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let at_once = at_once.text().await.expect("a stream");
    let events = events(&at_once);
    assert!(
        (90..=110).contains(&events.len()),
        "{} events",
        events.len()
    );
    let usage = &events.last().expect("an event")["usage"];
    assert_eq!(usage["completion_tokens"], 100);
    let paced = canned("1000").await.text().await.expect("a stream");
    assert_eq!(paced, at_once, "not the same stream");
}

#[tokio::test]
async fn a_canned_path_is_no_way_around_the_guard() {
    let rig = Rig::start().await;
    let request = rig
        .chat(&ask("hello", &json!({})))
        .header(CANNED.0, CANNED.1);
    let leaked = send(request.header("x-forwarded-client-cert", "By=x")).await;
    assert_eq!(leaked.status(), 401);
    assert_eq!(rig.azure.violations()[0].name, "x-forwarded-client-cert");
    let url = format!("{}/openai/v1/embeddings", rig.azure.url());
    let body = json!({"model": "text-embedding-3-large", "input": "a"});
    let bare = rig.client.post(url).json(&body).header(CANNED.0, CANNED.1);
    assert_eq!(send(bare).await.status(), 401);
}
