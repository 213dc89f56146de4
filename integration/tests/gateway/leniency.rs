//! What real clients send that is unusual and has one meaning: it is served, and what is passed on to the
//! backend has one meaning, too.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tollgate_integration::fakes::azure::realtime::{FIRST_FRAME, KEY};
use tollgate_integration::stack::Stack;
use tollgate_integration::stack::wait::DEADLINE;

use crate::support::{
    assert_backend_untouched, assert_no_violations, everything, hello, refusal_line, refused, send,
    stack, stack_with, usage_line,
};

const V1_CHAT: &str = "/openai/v1/chat/completions";

/// A request without a credential.
fn bare(stack: &Stack, path: &str) -> RequestBuilder {
    stack.callers.http1().post(stack.callers.url(path))
}

fn chat_v1() -> Value {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]})
}

#[tokio::test]
async fn a_key_in_two_headers_is_one_credential_and_neither_reaches_the_backend() {
    let stack = stack().await;
    let key = stack.key.text();
    let bearer = format!("Bearer {key}");
    for headers in [
        vec![("api-key", key), ("authorization", &bearer)],
        vec![("api-key", key), ("authorization", "Bearer ")],
        vec![("api-key", key), ("authorization", "Bearer")],
        vec![("api-key", ""), ("authorization", &bearer)],
        vec![("ocp-apim-subscription-key", key), ("api-key", key)],
    ] {
        let request = headers
            .iter()
            .fold(bare(&stack, V1_CHAT), |request, (name, value)| {
                request.header(*name, *value)
            });
        let answer = send(request.json(&chat_v1())).await;
        assert_eq!(answer.status(), 200, "{headers:?}");
        assert_eq!(usage_line(&stack).await["client"], "mobile-app");
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_slash_at_the_end_does_not_reach_the_backend() {
    let stack = stack().await;
    let request = stack.post("/openai/v1/chat/completions/", &chat_v1());
    assert_eq!(send(request).await.status(), 200);
    let dated = "/openai/deployments/gpt-4o/chat/completions/?api-version=2024-10-21";
    assert_eq!(send(stack.post(dated, &hello())).await.status(), 200);
    let paths: Vec<_> = stack
        .azure
        .requests()
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert_eq!(
        paths,
        [
            "/openai/v1/chat/completions",
            "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
        ]
    );
}

#[tokio::test]
async fn a_body_that_is_not_plain_json_is_refused_with_what_to_do() {
    let stack = stack().await;
    let key = stack.key.text();
    let sent = |headers: &[(&str, &str)]| {
        let request = bare(&stack, V1_CHAT).header("api-key", key);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(chat_v1().to_string())
    };
    let json = ("content-type", "application/json");
    for (headers, code) in [
        (
            vec![json, ("content-encoding", "gzip")],
            "unsupported_content_encoding",
        ),
        (
            vec![("content-type", "text/plain")],
            "unsupported_content_type",
        ),
        (
            vec![("content-type", "application/json; charset=utf-16")],
            "unsupported_content_type",
        ),
        (vec![], "unsupported_content_type"),
    ] {
        assert_eq!(
            refused(sent(&headers)).await,
            (415, code.to_owned()),
            "{headers:?}"
        );
    }
    assert_eq!(refusal_line(&stack).await["client"], "mobile-app");
    assert_backend_untouched(&stack);
    for headers in [
        vec![("content-type", "application/json; charset=UTF-8")],
        vec![json, ("content-encoding", "identity")],
    ] {
        assert_eq!(send(sent(&headers)).await.status(), 200, "{headers:?}");
    }
}

#[tokio::test]
async fn a_base_url_without_openai_is_told_so() {
    let stack = stack().await;
    for path in [
        "/v1/chat/completions",
        "/chat/completions",
        "/openai/chat/completions",
    ] {
        let answer = send(stack.post(path, &chat_v1())).await;
        assert_eq!(answer.status(), 404, "{path}");
        let body: Value = answer.json().await.expect("JSON");
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("/openai/v1/"), "{path}: {message}");
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn usage_is_not_asked_for_with_images_where_azure_does_not_take_it() {
    let stack = stack().await;
    let content = json!([
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    ]);
    let with_image = json!({"messages": [{"role": "user", "content": content}], "stream": true});
    let plain = json!({"messages": [{"role": "user", "content": "Hi"}], "stream": true});
    let mut expected = Vec::new();
    for (version, body, is_asked) in [
        ("2024-09-01-preview", &with_image, false),
        ("2024-09-01-preview", &plain, true),
        ("2024-10-21", &with_image, true),
        ("2024-06-01", &plain, false),
    ] {
        let path = format!("/openai/deployments/gpt-4o/chat/completions?api-version={version}");
        let answer = send(stack.post(&path, body)).await;
        assert_eq!(answer.status(), 200, "{version}");
        answer.bytes().await.expect("the whole stream");
        expected.push(is_asked);
    }
    let asked: Vec<_> = stack
        .azure
        .requests()
        .iter()
        .map(|it| serde_json::from_slice::<Value>(&it.body).expect("JSON"))
        .map(|body| body["stream_options"]["include_usage"] == true)
        .collect();
    assert_eq!(asked, expected);
}

/// The handshake of a browser, which can set no header but the subprotocols.
fn handshake(path: &str, subprotocols: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\nsec-websocket-protocol: {subprotocols}\r\n\r\n"
    )
}

/// Opens a session and gives the head of the answer.
async fn open(stack: &Stack, path: &str, subprotocols: &str) -> String {
    let mut connection = stack.callers.connect().await.expect("a connection");
    let request = handshake(path, subprotocols);
    connection
        .write_all(request.as_bytes())
        .await
        .expect("sent");
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(FIRST_FRAME) {
            let length = connection.read_buf(&mut answer).await.expect("bytes");
            assert_ne!(length, 0, "{}", String::from_utf8_lossy(&answer));
        }
    };
    timeout(DEADLINE, read).await.expect("the first message");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_browsers_session_has_its_key_in_a_subprotocol_that_stays_here() {
    let stack = stack_with(|yaml| everything(&yaml)).await;
    let key = stack.key.text();
    let subprotocols =
        format!("realtime, openai-insecure-api-key.{key}, openai-beta.realtime-v1, other.{key}");
    for path in [
        "/openai/v1/realtime?model=gpt-realtime",
        "/openai/v1/realtime/?model=gpt-realtime",
    ] {
        let head = open(&stack, path, &subprotocols).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert_eq!(usage_line(&stack).await["client"], "mobile-app");
    }
    for seen in stack.azure.requests() {
        let passed_on = seen.header("sec-websocket-protocol");
        assert_eq!(passed_on, Some("realtime, openai-beta.realtime-v1"));
        assert_eq!(seen.path, "/openai/v1/realtime?model=gpt-realtime");
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_key_in_a_subprotocol_opens_nothing_but_a_session() {
    let stack = stack_with(|yaml| everything(&yaml)).await;
    let key = stack.key.text();
    let subprotocol = format!("openai-insecure-api-key.{key}");
    let request = bare(&stack, V1_CHAT)
        .header("sec-websocket-protocol", &subprotocol)
        .json(&chat_v1());
    assert_eq!(
        refused(request).await,
        (401, "missing_credential".to_owned())
    );
    assert_backend_untouched(&stack);
    let beside = stack
        .post(V1_CHAT, &chat_v1())
        .header("sec-websocket-protocol", &subprotocol);
    assert_eq!(send(beside).await.status(), 200);
    let [seen] = stack.azure.requests().try_into().expect("one request");
    assert_eq!(seen.header("sec-websocket-protocol"), None);
    let two = handshake(
        "/openai/v1/realtime?model=gpt-realtime",
        &format!("{subprotocol}, openai-insecure-api-key.other"),
    );
    let two = two.replace("Upgrade\r\n", "Upgrade, close\r\n");
    let answer = stack.callers.send_raw(two).await.expect("an answer");
    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[tokio::test]
async fn a_transcription_session_names_its_deployment_or_needs_a_product_with_all() {
    const TRANSCRIPTION: &str = "/openai/v1/realtime?intent=transcription";
    let stack = stack_with(|yaml| everything(&yaml)).await;
    let subprotocol = format!("realtime, openai-insecure-api-key.{}", stack.key.text());
    let named = format!("{TRANSCRIPTION}&model=gpt-realtime");
    let head = open(&stack, &named, &subprotocol).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let request = handshake(TRANSCRIPTION, &subprotocol);
    let request = request.replace("Upgrade\r\n", "Upgrade, close\r\n");
    let answer = stack.callers.send_raw(request).await.expect("an answer");
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(stack.azure.requests().len(), 1);
}

#[tokio::test]
async fn a_product_with_all_deployments_may_open_a_transcription_session() {
    let stack = stack_with(|yaml| {
        everything(&yaml).replacen("deployments: [gpt-4o,", "deployments: [\"*\", gpt-4o,", 1)
    })
    .await;
    let subprotocol = format!("realtime, openai-insecure-api-key.{}", stack.key.text());
    let path = "/openai/v1/realtime?intent=transcription";
    let head = open(&stack, path, &subprotocol).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
}
