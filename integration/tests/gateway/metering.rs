//! The count: what the service reported, what had to be estimated, and where it goes.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::ledger::Entry;
use tollgate_integration::fakes::azure::route::Operation;
use tollgate_integration::stack::config::BACKEND_CLUSTER;
use tollgate_integration::stack::{Options, Stack};

use crate::support::{hello, hello_stream, send, send_json, settled, stack, usage_line};

/// What the fake billed for its only request.
async fn bill(stack: &Stack) -> Entry {
    settled(stack, 1).await;
    let [entry] = stack
        .azure
        .ledger()
        .try_into()
        .expect("one request was billed");
    entry
}

fn assert_equals_bill(usage: &Value, bill: &Entry) {
    assert_eq!(usage["input_tokens"], bill.tokens.prompt, "{usage}");
    assert_eq!(usage["output_tokens"], bill.tokens.completion, "{usage}");
    assert_eq!(usage["cached_tokens"], bill.tokens.cached, "{usage}");
    assert_eq!(usage["reasoning_tokens"], bill.tokens.reasoning, "{usage}");
    assert_eq!(
        usage["total_tokens"],
        bill.tokens.prompt + bill.tokens.completion,
        "{usage}"
    );
    assert_eq!(
        usage["request_id"].as_str(),
        bill.request_id.as_deref(),
        "one id everywhere"
    );
}

/// Requests of every operation, streamed and not, on both path shapes.
fn requests(stack: &Stack) -> Vec<(Operation, bool, RequestBuilder)> {
    let chat = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi 😀"}]});
    let completion = json!({"model": "gpt-35-turbo-instruct", "prompt": "Once"});
    let response = json!({"model": "gpt-4o", "input": "Hi"});
    let embedding = json!({"model": "text-embedding-3-large", "input": ["a", "b"]});
    let mut requests = Vec::new();
    for stream in [false, true] {
        let with_stream = |body: &Value| {
            let mut body = body.clone();
            body["stream"] = stream.into();
            body
        };
        for (operation, path, body) in [
            (Operation::Chat, "/openai/v1/chat/completions", &chat),
            (
                Operation::Chat,
                "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
                &chat,
            ),
            (
                Operation::Completions,
                "/openai/v1/completions",
                &completion,
            ),
            (
                Operation::Completions,
                "/openai/deployments/gpt-35-turbo-instruct/completions?api-version=2024-10-21",
                &completion,
            ),
            (Operation::Responses, "/openai/v1/responses", &response),
            (
                Operation::Responses,
                "/openai/responses?api-version=2025-03-01-preview",
                &response,
            ),
        ] {
            requests.push((operation, stream, stack.post(path, &with_stream(body))));
        }
    }
    for path in [
        "/openai/v1/embeddings",
        "/openai/deployments/text-embedding-3-large/embeddings?api-version=2024-10-21",
    ] {
        requests.push((Operation::Embeddings, false, stack.post(path, &embedding)));
    }
    requests
}

#[tokio::test]
async fn every_operation_is_counted_to_the_token() {
    let stack = crate::support::stack_with(|yaml| {
        yaml.replace("[gpt-4o, ", "[gpt-4o, gpt-35-turbo-instruct, ")
    })
    .await;
    for (at, (operation, stream, request)) in requests(&stack).into_iter().enumerate() {
        let request = match operation {
            // Embeddings report neither.
            Operation::Embeddings => request,
            _ => request
                .header("x-fake-cached-tokens", "1")
                .header("x-fake-reasoning-tokens", "3"),
        };
        let response = send(request).await;
        let status = response.status();
        let text = response.text().await.expect("a body");
        assert_eq!(status, 200, "{operation:?} {stream}: {text}");
        settled(&stack, at as u64 + 1).await;
        let bill = stack.azure.ledger().pop().expect("a bill");
        let id = bill.request_id.clone();
        let usage = stack
            .tollgate()
            .audit()
            .wait_for_json("the usage record", |line| {
                line["request_id"].as_str() == id.as_deref()
            })
            .await;
        assert_equals_bill(&usage, &bill);
        assert_eq!(usage["source"], "reported", "{operation:?} {stream}");
        assert_eq!(usage["stream"], stream);
        assert_eq!(usage["status"], 200);
        assert_eq!(usage["client"], "mobile-app");
        assert_eq!(usage["product"], "standard");
        assert_eq!(usage["credential"], "key.primary");
        assert_eq!(usage["backend"], "sweden");
        assert_eq!(
            usage["time_to_first_token_ms"].is_number(),
            stream,
            "{usage}"
        );
    }
}

#[tokio::test]
async fn a_stream_has_the_usage_event_only_if_the_client_asked() {
    let stack = stack().await;
    let mut body = hello_stream();
    let plain = send(stack.chat(&body))
        .await
        .text()
        .await
        .expect("a stream");
    body["stream_options"] = json!({"include_usage": true});
    let asked = send(stack.chat(&body))
        .await
        .text()
        .await
        .expect("a stream");
    assert!(!plain.contains("\"usage\":{"), "{plain}");
    assert!(asked.contains("\"usage\":{"), "{asked}");
    let events = |text: &str| text.matches("\n\n").count();
    assert_eq!(
        events(&plain) + 1,
        events(&asked),
        "only the usage event is missing"
    );
    for request in stack.azure.requests() {
        let sent: Value = serde_json::from_slice(&request.body).expect("JSON");
        assert_eq!(
            sent["stream_options"]["include_usage"], true,
            "the service asks for it"
        );
    }
}

#[tokio::test]
async fn what_the_client_said_in_stream_options_stays() {
    let stack = stack().await;
    let mut body = hello_stream();
    body["stream_options"] = json!({"include_obfuscation": false, "include_usage": false});
    assert_eq!(send(stack.chat(&body)).await.status(), 200);
    let [request] = stack.azure.requests().try_into().expect("one request");
    let sent: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(
        sent["stream_options"],
        json!({"include_obfuscation": false, "include_usage": true})
    );
}

#[tokio::test]
async fn an_api_version_that_knows_no_stream_options_is_estimated() {
    let stack = stack().await;
    let path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01";
    let text = send(stack.post(path, &hello_stream()))
        .await
        .text()
        .await
        .expect("a stream");
    assert!(text.ends_with("data: [DONE]\n\n"));
    let [request] = stack.azure.requests().try_into().expect("one request");
    let sent: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(sent.get("stream_options"), None, "it would be refused");
    let (usage, bill) = (usage_line(&stack).await, bill(&stack).await);
    assert_eq!(usage["source"], "estimated");
    assert_eq!(usage["source_reason"], "not_reported");
    assert_eq!(
        usage["output_tokens"], bill.tokens.completion,
        "plain text is counted exactly"
    );
    assert_eq!(usage["input_tokens"], bill.tokens.prompt);
}

#[tokio::test]
async fn any_way_of_cutting_a_stream_gives_the_same_bytes_and_count() {
    let stack = stack().await;
    let mut expected: Option<String> = None;
    for split in ["1", "2", "3", "7", "64", "1000"] {
        let request = stack
            .chat(&hello_stream())
            .header("x-fake-split", split)
            .header("x-fake-output-tokens", "12");
        let text = send(request).await.text().await.expect("a stream");
        assert!(
            text.ends_with("data: [DONE]\n\n"),
            "pieces of {split}: {text}"
        );
        assert!(!text.contains("\"usage\":{"), "pieces of {split}: {text}");
        let content: String = contents(&text);
        assert_eq!(
            expected.get_or_insert_with(|| content.clone()),
            &content,
            "pieces of {split}"
        );
    }
    settled(&stack, 6).await;
    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("six records", 6)
        .await;
    for (usage, bill) in lines.iter().zip(stack.azure.ledger()) {
        assert_equals_bill(usage, &bill);
    }
}

/// The text that the deltas of a stream make up.
fn contents(stream: &str) -> String {
    let events = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"));
    let events = events.filter_map(|rest| serde_json::from_str::<Value>(&format!("{{{rest}")).ok());
    events
        .filter_map(|event| {
            event["choices"][0]["delta"]["content"]
                .as_str()
                .map(str::to_owned)
        })
        .collect()
}

#[tokio::test]
async fn odd_but_valid_streams_are_counted() {
    let stack = stack().await;
    for (name, value) in [
        ("x-fake-line-ending", "crlf"),
        ("x-fake-line-ending", "cr"),
        ("x-fake-async-filter", "1"),
        ("x-fake-tool-call", "1"),
        ("x-fake-coalesce", "1"),
    ] {
        let request = stack.chat(&hello_stream()).header(name, value);
        let text = send(request).await.text().await.expect("a stream");
        let visible = text.replace("\\\"usage\\\":{", "");
        assert!(
            !visible.contains("\"usage\":{\"completion"),
            "{name} {value}: {text}"
        );
        let usage = stack.tollgate().audit().json().len();
        assert!(usage > 0 || !text.is_empty());
    }
    settled(&stack, 5).await;
    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("five records", 5)
        .await;
    for (usage, bill) in lines.iter().zip(stack.azure.ledger()) {
        assert_equals_bill(usage, &bill);
        assert_eq!(usage["source"], "reported");
    }
}

#[tokio::test]
async fn a_huge_event_of_responses_passes_and_is_counted() {
    let stack = stack().await;
    let body = json!({"model": "gpt-4o", "input": "Hi", "stream": true});
    let request = stack
        .post("/openai/v1/responses", &body)
        .header("x-fake-event-bytes", "3000000");
    let text = send(request).await.text().await.expect("a stream");
    assert!(text.len() > 3_000_000, "{} bytes", text.len());
    let (usage, bill) = (usage_line(&stack).await, bill(&stack).await);
    assert_equals_bill(&usage, &bill);
}

#[tokio::test]
async fn a_client_that_hangs_up_is_charged_with_an_estimate() {
    let stack = stack().await;
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "500")
        .header("x-fake-token-delay-ms", "5");
    let mut response = send(request).await;
    let first = response.chunk().await.expect("a piece").expect("a piece");
    assert!(!first.is_empty());
    response.chunk().await.expect("another piece");
    drop(response);
    let usage = usage_line(&stack).await;
    assert_eq!(usage["source"], "estimated");
    assert_eq!(usage["source_reason"], "incomplete");
    let bill = bill(&stack).await;
    assert_eq!(usage["input_tokens"], bill.tokens.prompt);
    assert!(usage["output_tokens"].as_u64().expect("a number") <= bill.tokens.completion);
}

#[tokio::test]
async fn a_stream_that_the_content_filter_cuts_is_charged_with_an_estimate() {
    let stack = stack().await;
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-fault", "filter-cut");
    let text = send(request).await.text().await.expect("a stream");
    assert!(
        text.contains("\"finish_reason\":\"content_filter\""),
        "{text}"
    );
    let (usage, bill) = (usage_line(&stack).await, bill(&stack).await);
    assert_eq!(usage["source"], "estimated");
    assert_eq!(usage["source_reason"], "not_reported");
    assert_eq!(usage["output_tokens"], bill.tokens.completion);
}

#[tokio::test]
async fn a_prompt_that_the_content_filter_refuses_is_charged() {
    let stack = stack().await;
    let request = stack.chat(&hello()).header("x-fake-fault", "filter-prompt");
    let (status, body) = send_json(request).await;
    assert_eq!(status, 400);
    assert_eq!(
        body["error"]["code"], "content_filter",
        "the backend's own words"
    );
    let (usage, bill) = (usage_line(&stack).await, bill(&stack).await);
    assert_eq!(usage["source_reason"], "content_filter");
    assert_eq!(usage["input_tokens"], bill.tokens.prompt);
    assert_eq!(usage["output_tokens"], 0);
}

#[tokio::test]
async fn a_backend_that_breaks_off_is_charged_with_an_estimate() {
    let stack = stack().await;
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-fault", "drop-mid-stream");
    let _ = send(request).await.text().await;
    let usage = usage_line(&stack).await;
    assert_eq!(usage["source"], "estimated");
    assert_eq!(usage["source_reason"], "incomplete");
}

#[tokio::test]
async fn a_backend_that_refuses_is_charged_nothing() {
    let stack = stack().await;
    for status in ["status-429", "status-404", "status-500"] {
        let (got, _) = send_json(stack.chat(&hello()).header("x-fake-fault", status)).await;
        assert_eq!(
            format!("status-{}", got.as_u16()),
            status,
            "the status passes through"
        );
    }
    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("three records", 3)
        .await;
    for usage in lines {
        assert_eq!(usage["source"], "none", "{usage}");
        assert_eq!(usage["total_tokens"], 0);
    }
}

#[tokio::test]
async fn an_answer_that_came_compressed_all_the_same_is_estimated() {
    let stack = stack().await;
    let response = send(stack.chat(&hello()).header("x-fake-gzip", "1")).await;
    assert_eq!(response.status(), 200);
    let [request] = stack.azure.requests().try_into().expect("one request");
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    let usage = usage_line(&stack).await;
    assert_eq!(usage["source"], "estimated");
    assert_eq!(usage["source_reason"], "unreadable");
}

#[tokio::test]
async fn a_stream_with_trailers_is_counted_once() {
    let options = Options::default().edit_envoy(|envoy| {
        let protocols = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        let cluster = envoy.cluster(BACKEND_CLUSTER);
        cluster["typed_extension_protocol_options"][protocols]["explicit_http_config"] =
            json!({ "http2_protocol_options": {} });
    });
    let stack = Stack::start(options).await;
    let request = stack.chat(&hello_stream()).header("x-fake-trailer", "1");
    let text = send(request).await.text().await.expect("a stream");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(!text.contains("\"usage\":{"), "{text}");
    let (usage, bill) = (usage_line(&stack).await, bill(&stack).await);
    assert_equals_bill(&usage, &bill);
    assert_eq!(usage["source"], "reported");
    let lines = stack.tollgate().audit().json();
    assert_eq!(lines.len(), 1, "one record: {lines:?}");
}

#[tokio::test]
async fn the_attempts_of_envoy_are_recorded() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = closed.local_addr().expect("its number").port();
    drop(closed);
    let options = Options::default().edit_envoy(move |envoy| {
        let cluster = envoy.cluster(BACKEND_CLUSTER);
        cluster["type"] = json!("STATIC");
        let hosts = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"];
        let mut dead = hosts[0].clone();
        dead["endpoint"]["address"]["socket_address"]["port_value"] = json!(port);
        hosts.as_array_mut().expect("a list").push(dead);
    });
    let stack = Stack::start(options).await;
    for _ in 0..4 {
        assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    }
    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("four records", 4)
        .await;
    let log = stack.envoy.access_log();
    let log = log.wait_for_count("four requests", 4).await;
    for record in &lines {
        let logged = log
            .iter()
            .find(|it| it["request_id"] == record["request_id"]);
        let logged = logged.expect("a line of Envoy's");
        assert_eq!(record["attempts"], logged["attempts"], "{record}");
    }
    let attempts: Vec<_> = lines.iter().map(|it| it["attempts"].as_u64()).collect();
    assert!(
        attempts.contains(&Some(2)),
        "one host of two is dead: {attempts:?}"
    );
}
