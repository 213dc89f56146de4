//! What the tests of the gateway share.

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tollgate_integration::stack::wait::DEADLINE;
use tollgate_integration::stack::{Options, Stack, wait_for};

/// A stack as users run it.
pub(crate) async fn stack() -> Stack {
    Stack::start(Options::default()).await
}

/// A stack whose tollgate.yaml is changed.
pub(crate) async fn stack_with(edit: impl FnOnce(String) -> String + Send + 'static) -> Stack {
    Stack::start(Options::default().edit_config(edit)).await
}

/// A chat of one message.
pub(crate) fn hello() -> Value {
    json!({"messages": [{"role": "user", "content": "Say hello to the world."}]})
}

/// The same, streamed.
pub(crate) fn hello_stream() -> Value {
    json!({"messages": [{"role": "user", "content": "Say hello to the world."}], "stream": true})
}

/// Sends a request; what comes back is an HTTP answer.
pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("Envoy answers")
}

/// Sends a request and reads the JSON of the answer.
pub(crate) async fn send_json(request: RequestBuilder) -> (StatusCode, Value) {
    let response = send(request).await;
    let status = response.status();
    let text = response.text().await.expect("a whole body");
    let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: no JSON: {text}"));
    (status, value)
}

/// Sends a request that must be refused; gives the status and `error.code`, after a look at its shape.
pub(crate) async fn refused(request: RequestBuilder) -> (u16, String) {
    let (status, body) = send_json(request).await;
    let text = |member: &str| {
        body["error"][member]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        !text("message").is_empty(),
        "no message for a person: {body}"
    );
    assert!(!text("type").is_empty(), "no type: {body}");
    (status.as_u16(), text("code"))
}

/// Asserts that the backend saw nothing.
pub(crate) fn assert_backend_untouched(stack: &Stack) {
    let seen: Vec<_> = stack
        .azure
        .requests()
        .iter()
        .map(|it| it.path.clone())
        .collect();
    assert!(seen.is_empty(), "the backend was reached: {seen:?}");
    assert_no_violations(stack);
}

/// Asserts that no caller's credential has reached the backend.
pub(crate) fn assert_no_violations(stack: &Stack) {
    let found = stack.azure.violations();
    assert!(
        found.is_empty(),
        "a credential of a caller reached the backend: {found:?}"
    );
}

/// The usage record of the next request in the audit log.
pub(crate) async fn usage_line(stack: &Stack) -> Value {
    let audit = stack.tollgate().audit();
    audit
        .wait_for_json("a usage record", |line| line["event"] == "usage")
        .await
}

/// The reason of the next refusal in the audit log.
pub(crate) async fn refusal_line(stack: &Stack) -> Value {
    let audit = stack.tollgate().audit();
    audit
        .wait_for_json("a refusal", |line| line["event"] == "refused")
        .await
}

/// The last refusal for a reason in the audit log of this run of tollgate.
pub(crate) async fn refused_for(stack: &Stack, reason: &str) -> Value {
    let audit = stack.tollgate().audit();
    wait_for(&format!("a refusal for {reason}"), async || {
        let mut lines = audit.json().into_iter();
        lines.rfind(|line| line["event"] == "refused" && line["reason"] == reason)
    })
    .await
}

/// The value of a metric whose labels contain all of these, summed over the rest.
pub(crate) async fn metric(stack: &Stack, name: &str, labels: &[&str]) -> f64 {
    let text = stack.tollgate().metrics().await.expect("metrics");
    let fits = |line: &&str| {
        let named = line
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['{', ' ']));
        named && labels.iter().all(|label| line.contains(label))
    };
    let value = |line: &str| {
        line.rsplit(' ')
            .next()
            .and_then(|value| value.parse::<f64>().ok())
    };
    text.lines().filter(fits).filter_map(value).sum()
}

/// Waits until the backend has billed so many requests.
pub(crate) async fn settled(stack: &Stack, count: u64) {
    let waited = tokio::time::timeout(DEADLINE, stack.azure.settled(count)).await;
    let billed = stack.azure.ledger().len();
    waited.unwrap_or_else(|_| panic!("{billed} requests were billed, not {count}"));
}

/// Adds a client with a key of its own and one product to a tollgate.yaml.
pub(crate) fn with_client(yaml: &str, id: &str, sha256: &str, product: &str) -> String {
    let client = format!(
        "clients:\n  - id: {id}\n    credentials: [ {{ key: {{ sha256: \"{sha256}\", slot: primary }} }} ]\n    products: [{product}]\n"
    );
    yaml.replacen("clients:\n", &client, 1)
}

/// Adds a line to the product `standard` of a tollgate.yaml.
pub(crate) fn with_product_line(yaml: &str, line: &str) -> String {
    let product = "  - id: standard\n";
    assert!(yaml.contains(product), "there is no product standard");
    yaml.replacen(product, &format!("{product}    {line}\n"), 1)
}

/// Adds a line to the client `mobile-app` of a tollgate.yaml.
pub(crate) fn with_client_line(yaml: &str, line: &str) -> String {
    let client = "  - id: mobile-app\n";
    assert!(yaml.contains(client), "there is no client mobile-app");
    yaml.replacen(client, &format!("{client}    {line}\n"), 1)
}

/// Every operation, on every deployment of the fake, also in the background.
pub(crate) fn everything(yaml: &str) -> String {
    with_product_line(yaml, "background: true\n    tools: [code_interpreter]").replace(
        "deployments: [gpt-4o, text-embedding-3-large]",
        "deployments: [gpt-4o, text-embedding-3-large, gpt-image-1, dall-e-3, whisper, gpt-4o-transcribe, tts, gpt-4o-mini-tts, gpt-realtime]",
    )
    .replace(
        "responses]",
        "responses, images.generations, images.edits, audio.transcriptions, audio.translations, audio.speech, models, files, batches, realtime]",
    )
}

/// A request of any method, with a key.
pub(crate) fn call(stack: &Stack, key: &str, method: &str, path: &str) -> RequestBuilder {
    let method = method.parse().expect("a method");
    let url = stack.callers.url(path);
    let request = stack.callers.http1().request(method, url);
    request.header("api-key", key)
}

/// A form of text fields and one file, as client libraries write it.
pub(crate) fn form(fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, text) in fields {
        let part = format!(
            "--bOuNdArY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
        );
        body.extend_from_slice(part.as_bytes());
    }
    if let Some((name, content)) = file {
        let head = format!(
            "--bOuNdArY\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--bOuNdArY--\r\n");
    body
}

/// Sends a form.
pub(crate) fn with_form(request: RequestBuilder, form: Vec<u8>) -> RequestBuilder {
    let content_type = "multipart/form-data; boundary=bOuNdArY";
    request.header("content-type", content_type).body(form)
}
