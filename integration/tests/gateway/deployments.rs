//! May it ask for this: paths, models and products.

use serde_json::{Value, json};
use tollgate_integration::stack::{CHAT_PATH, TestKey, wait_for};

use crate::support::{
    assert_backend_untouched, assert_no_violations, hello, metric, refusal_line, refused, send,
    send_json, stack, stack_with, usage_line, with_client, with_product_line,
};

#[tokio::test]
async fn a_deployment_or_operation_of_no_product_is_refused() {
    let stack = stack_with(|yaml| {
        yaml.replace(
            "[chat.completions, completions, embeddings, responses]",
            "[chat.completions]",
        )
    })
    .await;
    let cases = [
        (
            "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21",
            json!({}),
            "deployment_not_allowed",
        ),
        (
            "/openai/deployments/GPT-4o/chat/completions?api-version=2024-10-21",
            json!({}),
            "deployment_not_allowed",
        ),
        (
            "/openai/v1/chat/completions",
            json!({"model": "gpt-4o-mini"}),
            "deployment_not_allowed",
        ),
        (
            "/openai/v1/chat/completions",
            json!({"model": "GPT-4O"}),
            "deployment_not_allowed",
        ),
        (
            "/openai/deployments/gpt-4o/embeddings?api-version=2024-10-21",
            json!({}),
            "operation_not_allowed",
        ),
        (
            "/openai/v1/embeddings",
            json!({"model": "gpt-4o"}),
            "operation_not_allowed",
        ),
        (
            "/openai/v1/responses",
            json!({"model": "gpt-4o"}),
            "operation_not_allowed",
        ),
    ];
    for (path, body, code) in cases {
        assert_eq!(
            refused(stack.post(path, &body)).await,
            (403, code.to_owned()),
            "{path} {body}"
        );
    }
    let line = refusal_line(&stack).await;
    assert_eq!(line["client"], "mobile-app");
    assert_eq!(line["deployment"], "gpt-4o-mini");
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn the_path_decides_and_the_bodys_model_is_rewritten_to_it() {
    let stack = stack().await;
    let messages = json!([{"role": "user", "content": "Hi"}]);
    for model in [
        json!("gpt-4o-mini"),
        json!("gpt-3.5-turbo"),
        json!("../\"x"),
        json!(""),
        Value::Null,
        json!("gpt-4o"),
    ] {
        let body = json!({"model": model, "messages": messages});
        assert_eq!(send(stack.chat(&body)).await.status(), 200, "{model}");
        let usage = usage_line(&stack).await;
        assert_eq!(usage["deployment"], "gpt-4o", "{model}: {usage}");
    }
    let without = json!({"messages": messages});
    assert_eq!(send(stack.chat(&without)).await.status(), 200);
    for (at, seen) in stack.azure.requests().iter().enumerate() {
        let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
        let model = if at < 6 { json!("gpt-4o") } else { Value::Null };
        assert_eq!(body["model"], model, "request {at}");
        assert_eq!(body["messages"], messages, "the rest stays as it is");
    }
    assert_eq!(stack.azure.requests().len(), 7);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_product_can_want_the_model_to_be_the_paths() {
    let stack = stack_with(|yaml| with_product_line(&yaml, "strict_model: true")).await;
    let other = json!({"model": "gpt-4o-mini", "messages": []});
    let got = refused(stack.chat(&other)).await;
    assert_eq!(got, (400, "model_mismatch".to_owned()));
    assert_backend_untouched(&stack);
    for model in [json!("gpt-4o"), Value::Null] {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]});
        assert_eq!(send(stack.chat(&body)).await.status(), 200, "{model}");
    }
}

#[tokio::test]
async fn a_body_that_two_parsers_could_read_differently_is_refused() {
    let stack = stack().await;
    let deep = format!("{{\"model\":{}{}}}", "[".repeat(60_000), "]".repeat(60_000));
    let bodies = [
        (
            r#"{"model":"gpt-4o","model":"gpt-4o-mini"}"#,
            "invalid_body",
        ),
        (
            r#"{"model":"gpt-4o","Model":"gpt-4o-mini"}"#,
            "invalid_body",
        ),
        (
            r#"{"model":"gpt-4o","mod\u0065l":"gpt-4o-mini"}"#,
            "invalid_body",
        ),
        (r#"{"model":{"name":"gpt-4o"}}"#, "invalid_body"),
        (r#"{"model":["gpt-4o"]}"#, "invalid_body"),
        (
            r#"{"model":"gpt-4o"} {"model":"gpt-4o-mini"}"#,
            "invalid_body",
        ),
        (r#"["model","gpt-4o"]"#, "invalid_body"),
        ("not json", "invalid_body"),
        ("", "invalid_body"),
        (deep.as_str(), "invalid_body"),
        (r#"{"messages":[]}"#, "model_missing"),
        (r#"{"model":"gpt-4o/../gpt-4o-mini"}"#, "invalid_model"),
        (r#"{"model":""}"#, "model_missing"),
        (r#"{"model":null}"#, "model_missing"),
    ];
    for (body, code) in bodies {
        let request = stack
            .callers
            .http1()
            .post(stack.callers.url("/openai/v1/chat/completions"))
            .header("api-key", stack.key.text())
            .header("content-type", "application/json")
            .body(body.to_owned());
        assert_eq!(refused(request).await, (400, code.to_owned()), "{body:.60}");
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_chunked_body_is_read_and_rewritten_like_any_other() {
    let stack = stack().await;
    let pieces = [
        r#"{"model":"gpt-4o","stre"#,
        r#"am":true,"messages":[{"role":"user","content":"Hi"}]}"#,
    ];
    let mut request = format!(
        "POST /openai/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\napi-key: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        stack.key.text()
    );
    for piece in pieces {
        request.push_str(&format!("{:x}\r\n{piece}\r\n", piece.len()));
    }
    request.push_str("0\r\n\r\n");
    let answer = stack.callers.send_raw(request).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let [seen] = stack.azure.requests().try_into().expect("one request");
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).expect("whole JSON");
    assert_eq!(sent["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn a_large_body_below_the_limit_passes() {
    let stack = stack().await;
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "a ".repeat(2_000_000)}]});
    let request = stack
        .post("/openai/v1/chat/completions", &body)
        .header("x-fake-output-tokens", "1");
    let (status, answer) = send_json(request).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn tricks_with_the_path_never_reach_the_backend() {
    let stack = stack().await;
    let body = r#"{"model":"gpt-4o","messages":[]}"#;
    let version = "api-version=2024-10-21";
    let paths = [
        format!("//openai//deployments/gpt-4o-mini/chat/completions?{version}"),
        format!("/openai/deployments/gpt-4o/../gpt-4o-mini/chat/completions?{version}"),
        format!("/openai/deployments/gpt-4o%2F..%2Fgpt-4o-mini/chat/completions?{version}"),
        format!("/openai/deployments/gpt%2D4o%2Dmini/chat/completions?{version}"),
        format!("/openai/deployments/gpt-4o;x=y/chat/completions?{version}"),
        format!("/openai/deployments/gpt-4o/chat/completions#?{version}"),
        format!("/openai/deployments/gpt-4o./chat/completions?{version}"),
        format!("/OPENAI/deployments/gpt-4o/chat/completions?{version}"),
        format!("/openai/deployments/gpt-4o/chat/completions/x?{version}"),
        format!("/openai/deployments/gpt-4o/chat/completions?{version}?x"),
        format!("/openai/deployments/gpt-4o/chat/completions?{version}&{version}"),
        "/openai/deployments/gpt-4o/chat/completions".to_owned(),
        "/openai/v1/files".to_owned(),
        "/openai/v1/../deployments".to_owned(),
        "/openai\\v1\\files".to_owned(),
        "/".to_owned(),
        "*".to_owned(),
        "http://other/openai/v1/files".to_owned(),
    ];
    for path in paths {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\napi-key: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            stack.key.text(),
            body.len()
        );
        let answer = stack.callers.send_raw(request).await.expect("an answer");
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn other_ways_to_speak_http_are_refused_or_authenticated() {
    let stack = stack().await;
    let key = format!("api-key: {}\r\n", stack.key.text());
    let head = "host: localhost\r\nconnection: close\r\n";
    let upgrade = "host: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let cases = [
        (
            "WebSocket",
            format!(
                "GET /openai/realtime?api-version=2024-10-01-preview HTTP/1.1\r\n{upgrade}{key}\r\n"
            ),
        ),
        (
            "CONNECT",
            format!("CONNECT acme.openai.azure.com:443 HTTP/1.1\r\n{head}{key}\r\n"),
        ),
        (
            "TRACE",
            format!("TRACE {CHAT_PATH} HTTP/1.1\r\n{head}{key}\r\n"),
        ),
        (
            "OPTIONS",
            format!("OPTIONS {CHAT_PATH} HTTP/1.1\r\n{head}{key}\r\n"),
        ),
        (
            "PUT",
            format!("PUT {CHAT_PATH} HTTP/1.1\r\n{head}{key}content-length: 2\r\n\r\n{{}}"),
        ),
        (
            "GET",
            format!("GET {CHAT_PATH} HTTP/1.1\r\n{head}{key}\r\n"),
        ),
        (
            "HTTP/1.0",
            format!("POST {CHAT_PATH} HTTP/1.0\r\n{head}{key}content-length: 2\r\n\r\n{{}}"),
        ),
        (
            "an underscore",
            format!(
                "POST {CHAT_PATH} HTTP/1.1\r\n{head}{key}api_key: x\r\ncontent-length: 2\r\n\r\n{{}}"
            ),
        ),
        (
            "no body",
            format!("POST {CHAT_PATH} HTTP/1.1\r\n{head}{key}content-length: 0\r\n\r\n"),
        ),
        (
            "expect without a key",
            format!(
                "POST {CHAT_PATH} HTTP/1.1\r\n{head}expect: 100-continue\r\ncontent-length: 2\r\n\r\n{{}}"
            ),
        ),
        (
            "gRPC",
            format!(
                "POST /openai/v1/chat/completions HTTP/1.1\r\n{head}{key}content-type: application/grpc\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0"
            ),
        ),
    ];
    for (name, request) in cases {
        // gRPC clients get their error in a header, with the HTTP status 200 (gRPC over HTTP/2).
        let answer = stack.callers.send_raw(request).await.expect("an answer");
        let is_refused = (400..500).contains(&answer.status)
            || answer.status == 100 && answer.body.starts_with("HTTP/1.1 401")
            || answer.header("grpc-status").is_some_and(|it| it != "0");
        assert!(is_refused, "{name}: {} {:?}", answer.status, answer.headers);
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn trailers_and_100_continue_change_nothing_for_a_caller_with_a_key() {
    let stack = stack().await;
    let body = r#"{"messages":[{"role":"user","content":"Hi"}]}"#;
    let request = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\napi-key: {}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\ntrailer: api-key\r\n\r\n{:x}\r\n{body}\r\n0\r\napi-key: {}\r\n\r\n",
        stack.key.text(),
        body.len(),
        stack.key.text(),
    );
    let answer = stack.callers.send_raw(request).await.expect("an answer");
    assert_eq!(answer.status, 100, "Envoy asks for the body");
    assert!(answer.body.starts_with("HTTP/1.1 200"), "{}", answer.body);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn another_clients_stored_response_is_not_found() {
    let other = TestKey::numbered(2);
    let sha256 = other.sha256();
    let stack = stack_with(move |yaml| with_client(&yaml, "other-app", &sha256, "standard")).await;
    let (status, mine) = send_json(stack.post(
        "/openai/v1/responses",
        &json!({"model": "gpt-4o", "input": "Hi"}),
    ))
    .await;
    assert_eq!(status, 200, "{mine}");
    let id = mine["id"].as_str().expect("an id").to_owned();
    let call = |key: &str, method: reqwest::Method, path: &str| {
        stack
            .callers
            .http1()
            .request(method, stack.callers.url(path))
            .header("api-key", key.to_owned())
    };
    let path = format!("/openai/v1/responses/{id}");
    for (method, path) in [
        (reqwest::Method::GET, path.clone()),
        (reqwest::Method::DELETE, path.clone()),
        (reqwest::Method::POST, format!("{path}/cancel")),
        (reqwest::Method::GET, format!("{path}/input_items")),
        (
            reqwest::Method::GET,
            "/openai/v1/responses/resp_guessed".to_owned(),
        ),
    ] {
        let got = refused(call(other.text(), method.clone(), &path)).await;
        assert_eq!(got, (404, "not_found".to_owned()), "{method} {path}");
    }
    let next = json!({"model": "gpt-4o", "input": "And?", "previous_response_id": id});
    let request = stack
        .callers
        .http1()
        .post(stack.callers.url("/openai/v1/responses"))
        .header("api-key", other.text());
    assert_eq!(
        refused(request.json(&next)).await,
        (404, "not_found".to_owned())
    );
    assert_eq!(
        stack.azure.requests().len(),
        1,
        "only the creation reached the backend"
    );

    let (status, _) = send_json(stack.post("/openai/v1/responses", &next)).await;
    assert_eq!(status, 200, "its creator may refer to it");
    let (status, found) = send_json(call(stack.key.text(), reqwest::Method::GET, &path)).await;
    assert_eq!(
        (status.as_u16(), &found["id"]),
        (200, &json!(id)),
        "its creator finds it"
    );
    let items = send(call(
        stack.key.text(),
        reqwest::Method::GET,
        &format!("{path}/input_items"),
    ))
    .await;
    assert_eq!(items.status(), 200);
    assert_eq!(
        send(call(stack.key.text(), reqwest::Method::DELETE, &path))
            .await
            .status(),
        200
    );
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_conversation_of_the_service_is_refused() {
    let stack = stack().await;
    let body = json!({"model": "gpt-4o", "input": "Hi", "conversation": "conv_1"});
    let got = refused(stack.post("/openai/v1/responses", &body)).await;
    assert_eq!(got, (400, "unsupported_parameter".to_owned()));
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_stored_item_of_nobody_here_is_not_found() {
    let stack = stack().await;
    for item in [
        json!({"type": "item_reference", "id": "msg_1"}),
        json!({"id": "msg_1"}),
        json!({"type": "reasoning", "id": "rs_1", "summary": []}),
        json!({"type": "image_generation_call", "id": "ig_1"}),
    ] {
        let body = json!({"model": "gpt-4o", "input": [item]});
        let got = refused(stack.post("/openai/v1/responses", &body)).await;
        assert_eq!(got, (404, "not_found".to_owned()), "{body}");
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn internal_headers_of_a_caller_mean_nothing() {
    let stack = stack().await;
    let request = stack
        .chat(&hello())
        .header("x-envoy-upstream-rq-timeout-ms", "1")
        .header("x-envoy-retry-on", "5xx")
        .header("x-envoy-original-path", "/openai/v1/files")
        .header("x-ms-spillover-deployment", "gpt-4o-mini")
        .header("x-ms-oai-image-generation-deployment", "gpt-image-1")
        .header("tollgate", "x")
        .header("x-request-id", "chosen-by-the-caller");
    let (status, body) = send_json(request).await;
    assert_eq!(status, 200, "{body}");
    let [seen] = stack.azure.requests().try_into().expect("one request");
    assert_eq!(seen.header("x-ms-spillover-deployment"), None);
    assert_ne!(
        seen.header("x-request-id"),
        Some("chosen-by-the-caller"),
        "the id is the gateway's"
    );
    assert_no_violations(&stack);
}

#[tokio::test]
async fn names_that_callers_invent_are_no_labels_of_metrics() {
    let stack = stack_with(|yaml| {
        yaml.replace(
            "deployments: [gpt-4o, text-embedding-3-large]",
            "deployments: [\"gpt-*\", text-embedding-3-large]",
        )
    })
    .await;
    for number in 0..5 {
        let path = format!(
            "/openai/deployments/gpt-invented-{number}/chat/completions?api-version=2024-10-21"
        );
        let (status, _) = send_json(stack.post(&path, &hello())).await;
        assert_eq!(status, 404, "the backend has no such deployment");
    }
    let embedding = json!({"model": "text-embedding-3-large", "input": "Hi"});
    let failed = stack.post("/openai/v1/embeddings", &embedding);
    send(failed.header("x-fake-fault", "status-500")).await;
    let (status, _) = send_json(stack.chat(&hello())).await;
    assert_eq!(status, 200);
    send(stack.chat(&hello()).header("x-fake-fault", "status-500")).await;
    let count = async |deployment: &str| {
        let label = format!("tollgate_deployment=\"{deployment}\"");
        metric(&stack, "tollgate_requests_total", &[&label]).await
    };
    wait_for("all to be counted", async || {
        let all = count("gpt-*").await + count("gpt-4o").await;
        (all + count("text-embedding-3-large").await == 8.0).then_some(())
    })
    .await;
    assert_eq!(count("gpt-*").await, 5.0, "of the pattern that let them in");
    assert_eq!(
        count("gpt-4o").await,
        2.0,
        "it has answered, so it is known"
    );
    assert_eq!(count("text-embedding-3-large").await, 1.0, "it is listed");
    let metrics = stack.tollgate().metrics().await.expect("metrics");
    assert!(!metrics.contains("gpt-invented"), "{metrics}");
}
