//! The Responses API: its events, and what is kept.

use crate::rig::{Rig, events, json_of, send};
use reqwest::Method;
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::tokenizer::Encoding;

fn streaming() -> Value {
    json!({"input": "Tell me of Zürich", "stream": true})
}

async fn stream(request: reqwest::RequestBuilder) -> String {
    send(request).await.text().await.expect("a stream")
}

#[tokio::test]
async fn events_are_named_numbered_and_in_order() {
    let rig = Rig::start().await;
    let body = stream(rig.respond(&streaming())).await;
    let names: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    let mut without_repeats = names.clone();
    without_repeats.dedup();
    assert_eq!(
        without_repeats,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let events = events(&body);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["type"], names[index], "the event's name");
        assert_eq!(event["sequence_number"], index, "the event's number");
    }
    assert!(!body.contains("[DONE]"), "that is chat's");

    let response = &events.last().expect("an event")["response"];
    assert_eq!(response["model"], "gpt-4o", "the deployment's name");
    let text = response["output"][0]["content"][0]["text"].as_str();
    let entry = &rig.azure.ledger()[0];
    assert_eq!(response["usage"]["input_tokens"], entry.tokens.prompt);
    assert_eq!(response["usage"]["output_tokens"], entry.tokens.completion);
    let counted = Encoding::O200k.count(text.expect("text"));
    assert_eq!(counted, entry.tokens.completion);
}

#[tokio::test]
async fn how_a_response_ends_is_in_its_last_event() {
    let rig = Rig::start().await;
    let last = |body: String| {
        let last = events(&body).pop().expect("an event");
        let reason = last["response"]["incomplete_details"]["reason"].clone();
        (
            last["type"].clone(),
            reason,
            last["response"]["usage"]["output_tokens"].clone(),
        )
    };
    let mut limited = streaming();
    limited["max_output_tokens"] = 5.into();
    let ended = last(stream(rig.respond(&limited)).await);
    assert_eq!(
        ended,
        (
            json!("response.incomplete"),
            json!("max_output_tokens"),
            json!(5)
        )
    );

    let fault = |name: &'static str| rig.respond(&streaming()).header("x-fake-fault", name);
    let (name, reason, _) = last(stream(fault("filter-cut")).await);
    assert_eq!(
        (name, reason),
        (json!("response.incomplete"), json!("content_filter"))
    );
    let (name, _, generated) = last(stream(fault("error-mid-stream")).await);
    assert_eq!(name, "response.failed");
    assert_eq!(generated, rig.azure.ledger()[2].tokens.completion);
}

#[tokio::test]
async fn an_event_may_be_huge_and_full_of_lures() {
    const HUGE: usize = 1_000_000;
    let rig = Rig::start().await;
    let request = rig.respond(&streaming());
    let body = stream(request.header("x-fake-event-bytes", HUGE)).await;
    let last = body.lines().rfind(|line| !line.is_empty());
    let last = last.expect("an event");
    assert!(last.len() > HUGE, "{} bytes", last.len());
    assert!(last.contains(r#"\"usage\":{"#), "no lure");
    let event: Value = serde_json::from_str(&last["data: ".len()..]).expect("JSON");
    let billed = rig.azure.ledger()[0].tokens.completion;
    assert_eq!(event["response"]["usage"]["output_tokens"], billed);
}

#[tokio::test]
async fn tools_and_reasoning_are_items_of_the_output() {
    let rig = Rig::start().await;
    let mut body = streaming();
    body["tools"] = json!([{"type": "function", "name": "search", "parameters": {"properties": {"usage": {"total_tokens": 1}}}}]);
    let request = rig.respond(&body).header("x-fake-tool-call", "1");
    let body = stream(request.header("x-fake-reasoning-tokens", "9")).await;
    let events = events(&body);
    let response = &events.last().expect("an event")["response"];
    let types: Vec<_> = response["output"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["type"].as_str().expect("a type"))
        .collect();
    assert_eq!(types, ["reasoning", "message", "function_call"]);
    assert_eq!(response["output"][2]["name"], "search");
    assert!(
        body.contains(r#""usage":{"total_tokens":1}"#),
        "tools are echoed"
    );
    let details = &response["usage"]["output_tokens_details"];
    assert_eq!(details["reasoning_tokens"], 9);
}

#[tokio::test]
async fn a_kept_response_is_fetched_gone_on_from_and_deleted() {
    let rig = Rig::start().await;
    let first = json_of(send(rig.respond(&json!({"input": "hello"}))).await).await;
    let id = first["id"].as_str().expect("an id");
    let of = |method: Method, rest: &str| {
        let url = format!("{}/openai/v1/responses/{id}{rest}", rig.azure.url());
        send(rig.client.request(method, url).bearer_auth(&rig.token))
    };
    assert_eq!(json_of(of(Method::GET, "").await).await, first);
    let items = json_of(of(Method::GET, "/input_items").await).await;
    assert_eq!(items["data"][0]["content"], "hello");

    let next = json!({"input": "hello", "previous_response_id": id});
    let second = json_of(send(rig.respond(&next)).await).await;
    let input = |response: &Value| response["usage"]["input_tokens"].as_u64().expect("tokens");
    assert!(
        input(&second) > 2 * input(&first),
        "what was said before costs again"
    );

    assert_eq!(
        of(Method::POST, "/cancel").await.status(),
        400,
        "not in the background"
    );
    assert_eq!(json_of(of(Method::DELETE, "").await).await["deleted"], true);
    assert_eq!(of(Method::GET, "").await.status(), 404);
    let orphan = send(rig.respond(&next)).await;
    assert_eq!(orphan.status(), 400);
    assert_eq!(
        json_of(orphan).await["error"]["code"],
        "previous_response_not_found"
    );
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_not() {
    let rig = Rig::start().await;
    let body = json!({"input": "hello", "store": false});
    let response = json_of(send(rig.respond(&body)).await).await;
    let id = response["id"].as_str().expect("an id");
    let url = format!("{}/openai/v1/responses/{id}", rig.azure.url());
    let fetched = send(rig.client.get(url).bearer_auth(&rig.token)).await;
    assert_eq!(fetched.status(), 404);
}

#[tokio::test]
async fn the_azure_sdks_path_works_and_the_background_can_be_cancelled() {
    let rig = Rig::start().await;
    let body = json!({"model": "gpt-4o", "input": "hello", "background": true});
    let path = "/openai/responses?api-version=2025-04-01-preview";
    let queued = json_of(send(rig.post(path, &body)).await).await;
    assert_eq!(queued["status"], "queued");
    assert!(queued["usage"].is_null(), "{queued}");
    let id = queued["id"].as_str().expect("an id");
    let path = format!("/openai/responses/{id}/cancel?api-version=2025-04-01-preview");
    let cancelled = json_of(send(rig.post(&path, &json!({}))).await).await;
    assert_eq!(cancelled["status"], "cancelled");
}

#[tokio::test]
async fn items_can_be_referred_to_and_code_runs_in_a_container() {
    let rig = Rig::start().await;
    let tools = json!([{"type": "code_interpreter", "container": {"type": "auto"}}]);
    let body = json!({"input": "hello", "tools": tools});
    let first = json_of(send(rig.respond(&body)).await).await;
    let [code, message] = [&first["output"][0], &first["output"][1]];
    assert_eq!(code["type"], "code_interpreter_call");
    let container = code["container_id"].as_str().expect("a container");
    assert!(container.starts_with("cntr_"), "{container}");

    let refer = |id: &str| {
        let item = json!({"type": "item_reference", "id": id});
        rig.respond(&json!({"input": [item, {"role": "user", "content": "And?"}]}))
    };
    let found = send(refer(message["id"].as_str().expect("an id"))).await;
    assert_eq!(found.status(), 200);
    let unknown = send(refer("msg_guessed")).await;
    assert_eq!(unknown.status(), 404);

    let tools = json!([{"type": "code_interpreter", "container": container}]);
    let body = json!({"input": "again", "tools": tools, "stream": true});
    let events = events(&stream(rig.respond(&body)).await);
    let of = |name: &str| {
        let item = events.iter().find(|event| event["type"] == name);
        item.expect("an item")["item"].clone()
    };
    let added = of("response.output_item.added");
    assert_eq!(added["container_id"], container, "the same one");
    assert_eq!(of("response.output_item.done")["status"], "completed");
}
