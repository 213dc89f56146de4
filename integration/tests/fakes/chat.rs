//! Chat, completions and embeddings that go well: shapes, counts, and the ledger.

use crate::rig::{API_VERSION, Rig, ask, events, json_of, send, stream, text};
use serde_json::json;
use tollgate_integration::fakes::azure::ledger::Outcome;
use tollgate_integration::fakes::azure::route::Operation;
use tollgate_integration::fakes::azure::tokenizer::Encoding;

#[tokio::test]
async fn an_answer_tells_what_it_costs_and_the_ledger_agrees() {
    let rig = Rig::start().await;
    let request = rig.chat(&ask("How do I brew coffee?", &json!({})));
    let answer = json_of(send(request.header("x-request-id", "r-1")).await).await;

    assert_eq!(answer["model"], "gpt-4o-2024-08-06", "{answer}");
    let message = &answer["choices"][0]["message"];
    let content = message["content"].as_str().expect("text");
    let usage = &answer["usage"];
    assert_eq!(usage["completion_tokens"], Encoding::O200k.count(content));
    // 3 of the message, "user", 6 of the text, 3 of priming.
    assert_eq!(usage["prompt_tokens"], 3 + 1 + 6 + 3, "{usage}");

    let entry = &rig.azure.ledger()[0];
    assert_eq!(entry.request_id.as_deref(), Some("r-1"));
    assert_eq!(entry.operation, Some(Operation::Chat));
    assert_eq!(entry.deployment.as_deref(), Some("gpt-4o"));
    assert_eq!((entry.status, entry.outcome), (200, Outcome::Finished));
    assert_eq!(usage["prompt_tokens"], entry.tokens.prompt);
    assert_eq!(usage["completion_tokens"], entry.tokens.completion);
}

#[tokio::test]
async fn a_stream_has_azures_events_in_azures_order() {
    let rig = Rig::start().await;
    let body = send(rig.chat(&stream("Say hello"))).await.text().await;
    let body = body.expect("a stream");
    let prompt_filter = r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false}"#;
    assert!(body.starts_with(prompt_filter), "{body}");
    assert!(body.ends_with("}\n\ndata: [DONE]\n\n"), "{body}");

    let events = events(&body);
    let role = r#"{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"created":"#;
    assert!(body.contains(role), "the first delta: {body}");
    let usages = events[1..].iter().map(|event| &event["usage"]);
    let told = usages.filter(|usage| !usage.is_null()).count();
    assert_eq!(told, 1, "usage is null on all but the last event");
    let last = events.last().expect("an event");
    assert_eq!(last["choices"], json!([]));
    let entry = &rig.azure.ledger()[0];
    assert_eq!(last["usage"]["completion_tokens"], entry.tokens.completion);
    assert_eq!(
        Encoding::O200k.count(text(&events).as_str()),
        entry.tokens.completion
    );
    assert!(entry.stream, "not in the ledger as a stream");
}

#[tokio::test]
async fn a_stream_that_was_not_asked_tells_no_usage() {
    let rig = Rig::start().await;
    let body = ask("Say hello", &json!({"stream": true}));
    let body = send(rig.chat(&body)).await.text().await.expect("a stream");
    assert!(!body.contains("usage"), "{body}");
    assert!(rig.azure.ledger()[0].tokens.completion > 0, "not billed");
}

#[tokio::test]
async fn a_maximum_of_tokens_ends_in_length() {
    let rig = Rig::start().await;
    let body = ask("Say hello", &json!({"max_tokens": 3}));
    let answer = json_of(send(rig.chat(&body)).await).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn cached_and_reasoning_tokens_are_scripted() {
    let rig = Rig::start().await;
    let request = rig.chat(&ask("Say hello to them", &json!({})));
    let request = request
        .header("x-fake-cached-tokens", "4")
        .header("x-fake-reasoning-tokens", "100")
        .header("x-fake-output-tokens", "7");
    let usage = json_of(send(request).await).await["usage"].clone();
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 100);
    assert_eq!(usage["completion_tokens"], 107, "reasoning is a part of it");
    let tokens = rig.azure.ledger()[0].tokens;
    assert_eq!((tokens.cached, tokens.reasoning), (4, 100));
}

#[tokio::test]
async fn the_asynchronous_filter_annotates_between_and_after_the_text() {
    let rig = Rig::start().await;
    let request = rig.chat(&stream("Say hello"));
    let request = request.header("x-fake-async-filter", "1");
    let events = events(&send(request).await.text().await.expect("a stream"));
    let is_annotation = |index: &usize| {
        let choice = &events[*index]["choices"][0];
        choice["content_filter_offsets"].is_object() && choice["delta"].is_null()
    };
    let stop = events
        .iter()
        .position(|event| event["choices"][0]["finish_reason"] == "stop")
        .expect("a stop");
    let annotations: Vec<usize> = (0..events.len()).filter(is_annotation).collect();
    assert!(annotations.len() > 1, "{annotations:?}");
    assert!(annotations[0] < stop, "none in between");
    assert_eq!(annotations.last(), Some(&(stop + 1)), "none after the stop");
    assert_eq!(events.len(), stop + 3, "the usage comes last");
}

#[tokio::test]
async fn a_tool_call_is_streamed_and_lures_who_searches_for_usage() {
    let rig = Rig::start().await;
    let mut body = stream("What is the weather?");
    body["tools"] = json!([{"type": "function", "function": {"name": "forecast"}}]);
    let request = rig.chat(&body).header("x-fake-tool-call", "1");
    let events = events(&send(request).await.text().await.expect("a stream"));
    let calls: Vec<_> = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["tool_calls"].get(0))
        .collect();
    assert_eq!(calls[0]["function"]["name"], "forecast");
    let arguments = calls
        .iter()
        .filter_map(|call| call["function"]["arguments"].as_str());
    let arguments: String = arguments.collect();
    assert!(arguments.contains(r#"\"usage\":{"#), "{arguments}");
    assert!(
        text(&events).contains(r#""usage":{"#),
        "no lure in the text"
    );
    let reason = events
        .iter()
        .rev()
        .find_map(|event| event["choices"][0]["finish_reason"].as_str());
    assert_eq!(reason, Some("tool_calls"));
}

#[tokio::test]
async fn completions_and_embeddings_answer_too() {
    let rig = Rig::start().await;
    let path = |deployment: &str, operation: &str| {
        format!("/openai/deployments/{deployment}/{operation}?api-version={API_VERSION}")
    };
    let body = json!({"prompt": "Once upon a time", "stream": true, "stream_options": {"include_usage": true}});
    let completions = rig.post(&path("gpt-35-turbo-instruct", "completions"), &body);
    let events = events(&send(completions).await.text().await.expect("a stream"));
    let texts = events
        .iter()
        .filter_map(|event| event["choices"][0]["text"].as_str());
    let shown: String = texts.collect();
    let usage = &events.last().expect("an event")["usage"];
    assert_eq!(
        usage["completion_tokens"],
        Encoding::Cl100k.count(shown.as_str())
    );
    assert_eq!(usage["prompt_tokens"], 4);

    let body = json!({"input": ["hello there", "you"], "model": "text-embedding-3-large"});
    let answer = json_of(send(rig.post("/openai/v1/embeddings", &body)).await).await;
    assert_eq!(answer["data"][1]["index"], 1);
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    let entries = rig.azure.ledger();
    assert_eq!(entries[1].operation, Some(Operation::Embeddings));
    assert_eq!(entries[1].tokens.prompt, 3);
    assert_eq!(entries[1].tokens.completion, 0);
}

#[tokio::test]
async fn answers_have_the_headers_of_azure() {
    let rig = Rig::start().await;
    let request = rig.chat(&ask("hello", &json!({})));
    let response = send(request.header("x-ms-client-request-id", "c-1")).await;
    let header = |name: &str| response.headers()[name].to_str().expect("text");
    assert_eq!(header("x-ms-region"), "East US");
    assert_eq!(header("x-ms-client-request-id"), "c-1");
    assert_eq!(header("x-ratelimit-remaining-tokens"), "-1");
    assert_eq!(header("apim-request-id").len(), 36, "not a UUID");
    assert_ne!(header("apim-request-id"), header("x-request-id"));
}

#[tokio::test]
async fn requests_are_kept_word_for_word() {
    let rig = Rig::start().await;
    let body = ask("hello", &json!({"user": "ÿ"}));
    send(rig.chat(&body).header("x-custom", "1")).await;
    let kept = &rig.azure.requests()[0];
    assert_eq!(kept.method, "POST");
    assert!(
        kept.path.ends_with("?api-version=2024-10-21"),
        "{}",
        kept.path
    );
    assert_eq!(kept.header("x-custom"), Some("1"));
    assert_eq!(kept.body, serde_json::to_vec(&body).expect("JSON"));
}

#[tokio::test]
async fn the_models_are_listed() {
    let rig = Rig::start().await;
    let url = format!("{}/openai/v1/models", rig.azure.url());
    let list = json_of(send(rig.client.get(url).bearer_auth(&rig.token)).await).await;
    let models = list["data"].as_array().expect("a list");
    let is_there = models.iter().any(|it| it["id"] == "gpt-4o-2024-08-06");
    assert!(is_there, "{list}");
}
