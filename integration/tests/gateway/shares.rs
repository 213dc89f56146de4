//! One client against all others: what it may have under way at once, and that nobody else is the worse for it.

use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tollgate_integration::stack::wait::DEADLINE;
use tollgate_integration::stack::{CHAT_PATH, Stack, TestKey, wait_for};

use crate::support::{hello, hello_stream, metric, send, stack_with};

/// The other client's key.
fn other() -> TestKey {
    TestKey::numbered(2)
}

/// A stack in which `mobile-app` has these limits, and `other` the usual ones.
async fn stack(limits: &str) -> Stack {
    let (limits, key) = (limits.to_owned(), other().sha256());
    let other = format!(
        "clients:\n  - id: other\n    credentials: [ {{ key: {{ slot: primary, sha256: \"{key}\" }} }} ]\n    products: [standard]\n"
    );
    stack_with(move |yaml| {
        let limited = format!("    products: [standard]\n    limits: {limits}\n");
        let yaml = yaml.replacen("    products: [standard]\n", &limited, 1);
        yaml.replacen("clients:\n", &other, 1)
    })
    .await
}

fn chat(stack: &Stack, key: &TestKey, body: &Value) -> RequestBuilder {
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    request.header("api-key", key.text()).json(body)
}

async fn assert_other_is_served(stack: &Stack) {
    let answer = send(chat(stack, &other(), &hello())).await;
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
}

/// Asserts that a request of the limited client is refused, in a way that the SDKs understand.
async fn assert_refused(stack: &Stack, code: &str) {
    let answer = send(chat(stack, &stack.key, &hello())).await;
    assert_eq!(answer.status(), 429);
    let wait = answer.headers().get("retry-after").expect("when to retry");
    assert_eq!(wait, "1");
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], code, "{body}");
    let audit = stack.tollgate().audit();
    let line = audit.wait_for_json("the refusal", |line| line["reason"] == code);
    assert_eq!(line.await["client"], "mobile-app");
}

#[tokio::test]
async fn a_client_has_no_more_requests_under_way_than_it_may() {
    let stack = stack("{ concurrent_requests: 2 }").await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let request = chat(&stack, &stack.key, &hello_stream())
            .header("x-fake-output-tokens", "1000")
            .header("x-fake-token-delay-ms", "10");
        let mut answer = send(request).await;
        assert_eq!(answer.status(), 200);
        answer.chunk().await.expect("a piece").expect("a piece");
        slow.push(answer);
    }
    assert_refused(&stack, "too_many_concurrent_requests").await;
    assert_other_is_served(&stack).await;
    slow.pop();
    wait_for("the place of the one that was hung up", async || {
        let answer = send(chat(&stack, &stack.key, &hello())).await;
        (answer.status() == 200).then_some(())
    })
    .await;
}

/// Announces a chat of so many bytes and sends only its beginning.
async fn hold_body(stack: &Stack, bytes: usize) -> TlsStream<TcpStream> {
    let mut stream = stack.callers.connect().await.expect("connected");
    let head = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\napi-key: {}\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n{{\"messages\":",
        stack.key.text()
    );
    let before = begun(stack).await;
    stream.write_all(head.as_bytes()).await.expect("sent");
    wait_for("the decision on the headers", async || {
        (begun(stack).await > before).then_some(())
    })
    .await;
    stream
}

/// The sum of Envoy's counters with these ends of their names, whatever a control plane calls the rest.
async fn sum(stack: &Stack, begin: &str, end: &str) -> u64 {
    let stats = stack.envoy.stats().await.expect("counters").into_iter();
    let wanted = stats.filter(|(name, _)| name.starts_with(begin) && name.ends_with(end));
    wanted.map(|(_, count)| count).sum()
}

/// To how many messages of requests tollgate has replied.
async fn begun(stack: &Stack) -> u64 {
    sum(stack, "http.", ".ext_proc.stream_msgs_received").await
}

#[tokio::test]
async fn bodies_whose_last_byte_never_comes_fill_their_clients_share_only() {
    let stack = stack("{ request_bytes: 62914560 }").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(hold_body(&stack, 16 << 20).await);
    }
    // 12 MiB are left.
    let small = send(chat(&stack, &stack.key, &hello())).await;
    assert_eq!(small.status(), 200, "what has room goes on");
    held.push(hold_body(&stack, (12 << 20) - 1).await);
    assert_refused(&stack, "too_many_request_bytes").await;
    assert_other_is_served(&stack).await;
    held.pop();
    wait_for("the bytes of the one that was hung up", async || {
        let answer = send(chat(&stack, &stack.key, &hello())).await;
        (answer.status() == 200).then_some(())
    })
    .await;
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Header fields, each as a literal without indexing (RFC 7541, section 6.2.2).
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("short"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A connection on which so many requests begin and are reset at once; true if Envoy has ended it.
async fn flood(stack: &Stack, requests: u32) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let head = fields(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", CHAT_PATH),
        ("content-type", "application/json"),
        ("content-length", "100"),
        ("api-key", stack.key.text()),
    ]);
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for number in 0..requests {
        let stream = number * 2 + 1;
        bytes.extend(frame(1, 4, stream, &head));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    // The answer to a ping comes after all that, on a connection that still stands.
    bytes.extend(frame(6, 0, 0, b"tollgate"));
    let mut connection = stack.callers.connect_http2().await.expect("connected");
    // Envoy may hang up in the midst of it.
    let _ = connection.write_all(&bytes).await;
    let mut answer = Vec::new();
    let pong = frame(6, 1, 0, b"tollgate");
    let mut piece = [0; 4096];
    loop {
        let read = timeout(DEADLINE, connection.read(&mut piece)).await;
        match read.expect("an end or an answer") {
            Ok(0) | Err(_) => return true,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
        }
        if answer.windows(pong.len()).any(|part| part == pong) {
            return false;
        }
    }
}

#[tokio::test]
async fn requests_that_are_reset_at_once_cost_their_client_its_share_and_nobody_else() {
    let stack = stack("{ concurrent_requests: 20 }").await;
    let floods = async {
        let mut ended = 0;
        for _ in 0..40 {
            ended += u32::from(flood(&stack, 20).await);
        }
        ended
    };
    let others = async {
        for _ in 0..30 {
            assert_other_is_served(&stack).await;
        }
    };
    let (ended, ()) = tokio::join!(floods, others);
    assert_eq!(ended, 0, "fewer than Envoy ends a connection for");
    let labels = ["tollgate_client=\"mobile-app\""];
    wait_for("what was reset to be counted", async || {
        let count = metric(&stack, "tollgate_requests_abandoned_total", &labels).await;
        (count > 0.0).then_some(())
    })
    .await;
    let log = stack.tollgate().log();
    wait_for("a line in the log", async || {
        let lines = log.all();
        let said = |line: &String| line.contains("has reset requests before they were sent on");
        lines.iter().any(said).then_some(())
    })
    .await;
    wait_for("the client's own share", async || {
        let answer = send(chat(&stack, &stack.key, &hello())).await;
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn envoy_ends_a_connection_of_which_most_requests_are_reset() {
    let stack = stack("{ concurrent_requests: 1000 }").await;
    assert!(flood(&stack, 150).await, "150 of 150 requests were reset");
    assert_other_is_served(&stack).await;
}

#[tokio::test]
async fn of_requests_that_come_with_their_resets_hardly_one_begins() {
    let stack = stack("{ concurrent_requests: 1000 }").await;
    // No request of these reaches a backend, so what Envoy asks of anybody it asks of tollgate.
    let asked = async || sum(&stack, "cluster.", ".upstream_rq_total").await;
    assert_other_is_served(&stack).await;
    let before = asked().await;
    assert!(before > 0, "it has been asked about the other's");
    let requests = 80;
    assert!(
        !flood(&stack, requests).await,
        "fewer than Envoy ends it for"
    );
    let begun = asked().await - before;
    assert!(
        begun <= 10,
        "tollgate was asked about {begun} of {requests}"
    );
    assert_other_is_served(&stack).await;
}
