//! Realtime sessions: a WebSocket through Envoy, with the identity on its handshake.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tollgate_integration::fakes::azure::realtime::{ACCEPT, FIRST_FRAME, KEY};
use tollgate_integration::stack::wait::DEADLINE;
use tollgate_integration::stack::{Stack, wait_for};

use crate::support::{
    assert_backend_untouched, assert_no_violations, everything, refusal_line, stack_with,
    usage_line,
};

fn handshake(path: &str, key: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\napi-key: {key}\r\n\r\n"
    )
}

async fn open_stack() -> Stack {
    stack_with(|yaml| everything(&yaml)).await
}

#[tokio::test]
async fn a_session_is_opened_with_the_identity_and_recorded() {
    let stack = open_stack().await;
    for path in [
        "/openai/v1/realtime?model=gpt-realtime",
        "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime",
    ] {
        let mut connection = stack.callers.connect().await.expect("a connection");
        let request = handshake(path, stack.key.text());
        connection
            .write_all(request.as_bytes())
            .await
            .expect("sent");
        let mut answer = Vec::new();
        let read = async {
            while !answer.ends_with(FIRST_FRAME) {
                assert_ne!(
                    connection.read_buf(&mut answer).await.expect("bytes"),
                    0,
                    "{answer:?}"
                );
            }
        };
        timeout(DEADLINE, read).await.expect("the first message");
        let head = String::from_utf8_lossy(&answer).into_owned();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains(ACCEPT), "{head}");
        let frame = b"\x81\x82\0\0\0\0hi";
        connection.write_all(frame).await.expect("sent");
        let mut echo = [0; 8];
        let read = connection.read_exact(&mut echo);
        timeout(DEADLINE, read)
            .await
            .expect("in time")
            .expect("an echo");
        assert_eq!(&echo, frame, "messages pass in both directions");
    }
    let usage = usage_line(&stack).await;
    assert_eq!(usage["operation"], "realtime");
    assert_eq!(usage["deployment"], "gpt-realtime");
    assert_eq!(usage["status"], 101, "{usage}");
    assert_eq!(usage["source"], "none");
    assert_eq!(usage["source_reason"], "not_counted");
    assert_no_violations(&stack);
}

#[tokio::test]
async fn no_product_has_sessions_unless_it_names_them() {
    let with_deployment = |yaml: String| {
        yaml.replace(
            "deployments: [gpt-4o, text-embedding-3-large]",
            "deployments: [\"*\"]",
        )
    };
    let stack = stack_with(with_deployment).await;
    let path = "/openai/v1/realtime?model=gpt-realtime";
    let request = handshake(path, stack.key.text()).replace("Upgrade\r\n", "Upgrade, close\r\n");
    let answer = stack.callers.send_raw(request).await.expect("an answer");
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(
        refusal_line(&stack).await["reason"],
        "operation_not_allowed"
    );
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_session_is_under_way_until_it_ends() {
    let stack = stack_with(|yaml| {
        let limited = "    products: [standard]\n    limits: { concurrent_requests: 1 }\n";
        everything(&yaml).replacen("    products: [standard]\n", limited, 1)
    })
    .await;
    let request = handshake("/openai/v1/realtime?model=gpt-realtime", stack.key.text());
    let open = async || {
        let mut connection = stack.callers.connect().await.expect("a connection");
        let sent = connection.write_all(request.as_bytes()).await;
        sent.expect("sent");
        let mut status = [0; 12];
        let read = timeout(DEADLINE, connection.read_exact(&mut status));
        read.await.expect("in time").expect("an answer");
        (connection, String::from_utf8_lossy(&status).into_owned())
    };
    let (first, status) = open().await;
    assert_eq!(status, "HTTP/1.1 101");
    let (_, status) = open().await;
    assert_eq!(status, "HTTP/1.1 429", "the first session goes on");
    drop(first);
    wait_for("the place of the first session", async || {
        let (_, status) = open().await;
        (status == "HTTP/1.1 101").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_not_allowed_does_not_reach_the_backend() {
    let stack = open_stack().await;
    let good = "/openai/v1/realtime?model=gpt-realtime";
    for (path, key, status) in [
        (good, "wrong", 401),
        (
            "/openai/v1/realtime?model=gpt-4o-mini",
            stack.key.text(),
            403,
        ),
        ("/openai/v1/realtime", stack.key.text(), 400),
        (
            "/openai/v1/realtime?model=gpt-realtime&deployment=gpt-4o-mini",
            stack.key.text(),
            400,
        ),
        ("/openai/v1/realtime/client_secrets", stack.key.text(), 403),
        ("/openai/v1/responses/resp_1", stack.key.text(), 403),
    ] {
        let request = handshake(path, key).replace("Upgrade\r\n", "Upgrade, close\r\n");
        let answer = stack.callers.send_raw(request).await.expect("an answer");
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    assert_backend_untouched(&stack);
}
