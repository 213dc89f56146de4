//! No credential in any output: keys, the identity's token, bodies.

use serde_json::json;
use sha2::Digest;
use tollgate_integration::fakes::collector::Collector;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, wait_for};

use crate::control::{Control, with_sqlite};
use crate::support::{send, settled};

const PROMPT: &str = "canary-prompt-4b1d";

/// Every line that the gateway and Envoy have written, and what they answered over HTTP.
async fn outputs(stack: &Stack) -> String {
    let lines = [
        stack.envoy.access_log().all(),
        stack.tollgate().audit().all(),
        stack.tollgate().log().all(),
    ];
    let mut all = lines.concat().join("\n");
    all.push_str(&stack.tollgate().metrics().await.expect("metrics"));
    all
}

#[tokio::test]
async fn no_key_token_or_prompt_is_in_any_output() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.http);
    let options = Options::default()
        .tollgate_env("TOLLGATE_LOG", "trace")
        .tollgate_env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
        .tollgate_env("OTEL_LOGS_EXPORTER", "otlp")
        .tollgate_env("OTEL_BLRP_SCHEDULE_DELAY", "20")
        .tollgate_env("OTEL_BSP_SCHEDULE_DELAY", "20");
    let stack = Stack::start(options).await;
    let (key, unknown) = (stack.key.text().to_owned(), TestKey::numbered(7));
    let mistyped = key.replacen("Test", "Tset", 1);
    let chat = json!({"messages": [{"role": "user", "content": PROMPT}], "stream": true});
    let mut answers = String::new();
    for presented in [key.as_str(), unknown.text(), mistyped.as_str()] {
        for (name, value) in [
            ("api-key", presented.to_owned()),
            ("authorization", format!("Bearer {presented}")),
        ] {
            let request = stack
                .callers
                .http1()
                .post(stack.callers.url(CHAT_PATH))
                .header(name, value);
            let response = send(request.json(&chat)).await;
            answers.push_str(&format!("{:?}", response.headers()));
            answers.push_str(&response.text().await.expect("an answer"));
        }
    }
    let query = format!("{CHAT_PATH}&api-key={key}");
    answers.push_str(
        &send(stack.post(&query, &chat))
            .await
            .text()
            .await
            .expect("an answer"),
    );
    let broken = format!("{{\"model\":\"gpt-4o\",\"model\":\"{PROMPT}\"}}");
    let request = stack
        .callers
        .http1()
        .post(stack.callers.url("/openai/v1/chat/completions"));
    send(request.header("api-key", &key).body(broken)).await;
    settled(&stack, 2).await;
    stack
        .tollgate()
        .audit()
        .wait_for_count("every line", 8)
        .await;
    let sent = wait_for("every record", async || {
        let logs = collector.logs();
        let of_audit = logs.iter().filter(|it| it.scope == "tollgate.audit");
        (of_audit.count() >= 8).then_some(logs)
    })
    .await;

    let [first, ..] = stack
        .azure
        .requests()
        .try_into()
        .map(|all: [_; 2]| all)
        .expect("two requests");
    let token = first
        .header("authorization")
        .and_then(|it| it.strip_prefix("Bearer "))
        .expect("the identity")
        .to_owned();
    let mut outputs = outputs(&stack).await;
    outputs.push_str(&format!("{sent:?}{:?}", collector.spans()));
    for (what, secret) in [
        ("the key", key.as_str()),
        ("an unknown key", unknown.text()),
        ("a mistyped key", mistyped.as_str()),
        ("the identity's token", token.as_str()),
        (
            "the secret of the identity endpoint",
            stack.identity.header_secret(),
        ),
    ] {
        let tail = &secret[secret.len().saturating_sub(24)..];
        assert!(!outputs.contains(tail), "{what} is in an output");
        assert!(!answers.contains(tail), "{what} is in an answer");
    }
    assert!(!outputs.contains(PROMPT), "a prompt is in an output");
}

#[tokio::test]
async fn no_issued_key_and_no_digest_of_one_is_in_any_output() {
    let stack = Stack::start(with_sqlite().tollgate_env("TOLLGATE_LOG", "trace")).await;
    let control = Control::of(&stack);
    let (first, id) = control.issue(&[]).await;
    let (second, successor) = control.rotate(&id, "1h").await;
    let mut printed = String::new();
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["suspend", &successor],
        &["resume", &successor],
        &["revoke", &id],
    ] {
        printed.push_str(&control.ok(words).await);
    }
    let chat = json!({"messages": [{"role": "user", "content": PROMPT}]});
    for key in [&first, &second] {
        let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
        let response = send(request.header("api-key", key).json(&chat)).await;
        printed.push_str(&response.text().await.expect("an answer"));
    }
    let audit = stack.tollgate().audit();
    audit.wait_for_count("every line", 8).await;
    let outputs = outputs(&stack).await;
    for key in [first, second] {
        let digest = hex::encode(sha2::Sha256::digest(&key));
        for secret in [&key[16..], &digest] {
            assert!(!outputs.contains(secret), "{secret} is in an output");
            assert!(!printed.contains(secret), "{secret} was printed again");
        }
    }
}
