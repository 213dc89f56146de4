//! The largest body: the limit is the caller's, and what the gateway adds does not count.

use reqwest::{Body, RequestBuilder};
use serde_json::Value;
use tollgate_integration::stack::{CHAT_PATH, EnvoyConfig, Options, Stack};

use crate::support::{
    assert_backend_untouched, call, everything, form, metric, refused, send, settled, stack,
    stack_with, with_form,
};

/// What envoy/standalone.yaml and tollgate are set to.
const LIMIT: usize = 16 << 20;
const AUDIO_LIMIT: usize = 26 << 20;
/// What Envoy has room for above tollgate's limits.
const MARGIN: usize = 1 << 20;

const TRANSCRIBE: &str = "/openai/v1/audio/transcriptions";

/// A chat that is streamed and does not ask for its usage, so that the gateway must.
fn chat(bytes: usize) -> Vec<u8> {
    let head = r#"{"messages":[{"role":"user","content":"Hi"}],"stream":true,"metadata":{"x":""#;
    let tail = r#""}}"#;
    let mut body = head.as_bytes().to_vec();
    body.resize(bytes - tail.len(), b'a');
    body.extend_from_slice(tail.as_bytes());
    body
}

/// A form of a size.
fn audio(fields: &[(&str, &str)], bytes: usize) -> Vec<u8> {
    let empty = form(fields, Some(("file", b""))).len();
    let audio = vec![7; bytes - empty];
    form(fields, Some(("file", &audio)))
}

/// A body without a `content-length`, in the pieces of a client that reads a file.
fn chunked(body: &[u8]) -> Body {
    let pieces = body
        .chunks(64 << 10)
        .map(|it| Ok::<_, std::io::Error>(it.to_vec()));
    Body::wrap_stream(tokio_stream::iter(pieces.collect::<Vec<_>>()))
}

/// A request whose connection ends with it: Envoy may answer before it has read all of a body.
fn post(stack: &Stack, path: &str) -> RequestBuilder {
    let request = call(stack, stack.key.text(), "POST", path);
    request.header("connection", "close")
}

fn json(request: RequestBuilder, body: impl Into<Body>) -> RequestBuilder {
    let request = request.header("content-type", "application/json");
    request.body(body)
}

async fn assert_too_large(request: RequestBuilder, what: &str) {
    let (status, code) = refused(request).await;
    assert_eq!(
        (status, code.as_str()),
        (413, "request_too_large"),
        "{what}"
    );
}

/// Asserts that so many were refused for their size, and that nothing else became of them.
async fn assert_refusals(stack: &Stack, count: usize) {
    let audit = stack.tollgate().audit();
    let lines = audit.wait_for_count("the refusals", count).await;
    for line in &lines {
        assert_eq!(line["event"], "refused", "{line}");
        assert_eq!(line["reason"], "body_too_large", "{line}");
        assert_eq!(line["status"], 413, "{line}");
        assert_eq!(line["client"], "mobile-app", "{line}");
    }
    let labels = ["decision=\"deny\"", "reason=\"body_too_large\""];
    let counted = metric(stack, "tollgate_decisions_total", &labels).await;
    assert_eq!(counted, f64::from(u32::try_from(count).expect("few")));
    let allowed = metric(stack, "tollgate_decisions_total", &["decision=\"allow\""]).await;
    assert_eq!(allowed, 0.0, "none of them has the identity");
    assert_backend_untouched(stack);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_the_limit_is_served_and_counted_once_though_the_gateway_adds_to_it() {
    let stack = stack().await;
    let body = chat(LIMIT);
    let url = stack.callers.url(CHAT_PATH);
    let http2 = stack.callers.http2().post(url);
    let requests = [
        json(post(&stack, CHAT_PATH), body.clone()),
        json(post(&stack, CHAT_PATH), chunked(&body)),
        json(http2.header("api-key", stack.key.text()), body.clone()),
    ];
    for (nth, request) in (1..).zip(requests) {
        let response = send(request).await;
        let status = response.status();
        let text = response.text().await.expect("a whole answer");
        assert_eq!(status, 200, "{nth}: {text}");
        assert!(text.ends_with("data: [DONE]\n\n"), "{nth}: {text}");
        settled(&stack, nth).await;
        let sent = stack.azure.requests().pop().expect("a request").body;
        assert!(sent.len() > LIMIT, "{nth}: nothing was added");
        let sent: Value = serde_json::from_slice(&sent).expect("JSON");
        assert_eq!(sent["stream_options"]["include_usage"], true, "{nth}");
    }
    let audit = stack.tollgate().audit();
    for line in audit.wait_for_count("a record for each", 3).await {
        assert_eq!(line["event"], "usage", "{line}");
        assert_eq!(line["source"], "reported", "{line}");
        assert_eq!(
            line["request_bytes"], LIMIT,
            "what the client has sent: {line}"
        );
    }
    assert_eq!(stack.azure.ledger().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_more_is_refused_with_or_without_a_length() {
    let stack = stack().await;
    let body = chat(LIMIT + 1);
    assert_too_large(json(post(&stack, CHAT_PATH), body.clone()), "a length").await;
    assert_too_large(json(post(&stack, CHAT_PATH), chunked(&body)), "chunks").await;
    let url = stack.callers.url(CHAT_PATH);
    let http2 = stack.callers.http2().post(url);
    let http2 = http2.header("api-key", stack.key.text());
    assert_too_large(json(http2, body), "HTTP/2").await;
    assert_refusals(&stack, 3).await;
}

#[tokio::test]
async fn a_body_that_is_said_to_be_too_large_is_refused_before_it_is_sent() {
    let stack = stack().await;
    // Not a byte of the body comes: without the refusal this would wait for `request_timeout`.
    for bytes in [LIMIT + 1, 100 << 20, usize::MAX / 2] {
        let head = format!(
            "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\napi-key: {}\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n",
            stack.key.text()
        );
        let answer = stack.callers.send_raw(head).await.expect("an answer");
        assert_eq!(answer.status, 413, "{bytes}: {}", answer.body);
        assert!(answer.body.contains("request_too_large"), "{}", answer.body);
    }
    assert_refusals(&stack, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envoy_that_shows_ext_authz_no_length_refuses_as_well() {
    let without_length = |envoy: &mut EnvoyConfig| {
        let authz = envoy.http_filter("envoy.filters.http.ext_authz");
        let patterns = authz.pointer_mut("/allowed_headers/patterns");
        let patterns = patterns.and_then(Value::as_array_mut).expect("patterns");
        patterns.retain(|it| it["exact"] != "content-length");
    };
    let stack = Stack::start(Options::default().edit_envoy(without_length)).await;
    let request = json(post(&stack, CHAT_PATH), chat(LIMIT + 1));
    assert_too_large(request, "a length").await;
    assert_refusals(&stack, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_ask_learns_nothing_of_sizes() {
    let stack = stack().await;
    let url = stack.callers.url(CHAT_PATH);
    let nobody = stack
        .callers
        .http1()
        .post(url)
        .header("connection", "close");
    assert_eq!(refused(json(nobody, chat(LIMIT + 1))).await.0, 401);
    let path = CHAT_PATH.replace("gpt-4o", "o3");
    let other = json(post(&stack, &path), chat(LIMIT + 1));
    assert_eq!(refused(other).await.0, 403);
    assert_backend_untouched(&stack);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_the_limit_passes_in_the_gateways_spelling() {
    let stack = stack_with(|yaml| everything(&yaml)).await;
    let path = "/openai/deployments/gpt-4o-transcribe/audio/transcriptions?api-version=2024-10-21";
    // A model that is replaced by a longer one.
    let body = audio(&[("model", "x")], AUDIO_LIMIT);
    let response = send(with_form(post(&stack, path), body)).await;
    assert_eq!(response.status(), 200, "{:?}", response.text().await);
    settled(&stack, 1).await;
    let sent = stack.azure.requests().pop().expect("a request").body.len();
    assert!(sent > AUDIO_LIMIT, "{sent}: nothing was added");

    let larger = audio(&[("model", "whisper")], AUDIO_LIMIT + 1);
    let request = with_form(post(&stack, TRANSCRIBE), larger);
    assert_too_large(request, "larger audio").await;
    let image = audio(&[("model", "gpt-image-1"), ("prompt", "x")], LIMIT + 1);
    let request = with_form(post(&stack, "/openai/v1/images/edits"), image);
    assert_too_large(request, "another operation has the ordinary limit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_the_limit_passes_though_each_of_its_parts_grows() {
    let limit = 2 << 20;
    let options = Options::default()
        .edit_config(move |yaml| format!("{}max_audio_request_bytes: {limit}\n", everything(&yaml)))
        .edit_envoy(move |envoy| {
            let routes = "/route_config/virtual_hosts/0/routes";
            let routes = envoy.connection_manager().pointer_mut(routes);
            let routes = routes.and_then(Value::as_array_mut).expect("routes");
            for route in routes {
                if let Some(buffer) = route.get_mut("request_body_buffer_limit") {
                    *buffer = (limit + MARGIN).into();
                }
            }
        });
    let stack = Stack::start(options).await;
    // As short as a form can be written, with names that become longer.
    let name = "\\\"".repeat(1900);
    let mut body = b"--X\r\nContent-Disposition:form-data;name=model\r\n\r\nwhisper\r\n".to_vec();
    for _ in 0..126 {
        let part =
            format!("--X\r\nContent-Disposition:form-data;name=a;filename=\"{name}\"\r\n\r\n\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let file = b"--X\r\nContent-Disposition:form-data;name=file;filename=a\r\n\r\n";
    let end = b"\r\n--X--";
    body.extend_from_slice(file);
    body.resize(limit - end.len(), 7);
    body.extend_from_slice(end);
    let request =
        post(&stack, TRANSCRIBE).header("content-type", "multipart/form-data; boundary=X");
    let response = send(request.body(body)).await;
    assert_eq!(response.status(), 200, "{:?}", response.text().await);
    let sent = stack.azure.requests().pop().expect("a request").body.len();
    assert!(sent > limit + (200 << 10), "{sent}: little was added");
}

#[tokio::test]
async fn the_limits_are_the_operators() {
    let limits = "max_request_bytes: 2000\nmax_audio_request_bytes: 3000\n";
    let stack = stack_with(move |yaml| format!("{}{limits}", everything(&yaml))).await;
    let status = async |request: RequestBuilder| send(request).await.status().as_u16();
    let transcribe = |bytes| {
        let body = audio(&[("model", "whisper")], bytes);
        with_form(post(&stack, TRANSCRIBE), body)
    };
    for (bytes, expected) in [(2000, 200), (2001, 413)] {
        let whole = json(post(&stack, CHAT_PATH), chat(bytes));
        assert_eq!(status(whole).await, expected, "{bytes}");
        let pieces = json(post(&stack, CHAT_PATH), chunked(&chat(bytes)));
        assert_eq!(status(pieces).await, expected, "{bytes}, chunked");
    }
    assert_eq!(status(transcribe(3000)).await, 200);
    assert_eq!(status(transcribe(3001)).await, 413);

    let yaml = std::fs::read_to_string(stack.config_path()).expect("the configuration");
    let larger = yaml.replace("max_request_bytes: 2000", "max_request_bytes: 4000");
    std::fs::write(stack.config_path(), larger).expect("written");
    let log = stack.tollgate().log();
    log.wait_for_json("the new limit", |line| {
        let fields = line.get("fields").unwrap_or(line);
        fields["message"] == "the changed configuration is in force"
    })
    .await;
    let body = json(post(&stack, CHAT_PATH), chat(2001));
    assert_eq!(status(body).await, 200, "taken into use while it runs");
}
