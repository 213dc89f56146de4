//! Limits through the real Envoy: what passes, what is refused and with which words, and what is used.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::AzureOptions;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, wait_for};

use crate::books::{PRICES, with_everything, with_ledger};
use crate::support::{hello, hello_stream, metric, send, stack_with};

/// The other client's key.
fn other() -> TestKey {
    TestKey::numbered(2)
}

/// With these limits of `mobile-app`, these members of its product, and these of the file; `other` has no
/// limits of its own.
fn edit(client: &str, product: &str, file: &str) -> impl FnOnce(String) -> String + Send + use<> {
    let key = other().sha256();
    let other = format!(
        "clients:\n  - id: other\n    credentials: [ {{ key: {{ slot: primary, sha256: \"{key}\" }} }} ]\n    products: [standard]\n"
    );
    let client = format!("    products: [standard]\n{client}");
    let (product, file) = (product.to_owned(), file.to_owned());
    move |yaml| {
        let yaml = yaml.replacen("    products: [standard]\n", &client, 1);
        let yaml = yaml.replacen("clients:\n", &other, 1);
        let yaml = yaml.replacen(
            "  - id: standard\n",
            &format!("  - id: standard\n{product}"),
            1,
        );
        format!("{yaml}{file}")
    }
}

async fn stack(client: &str, product: &str, file: &str) -> Stack {
    stack_with(edit(client, product, file)).await
}

fn chat(stack: &Stack, key: &TestKey, body: &Value) -> RequestBuilder {
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    request.header("api-key", key.text()).json(body)
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("no {name}: {:?}", answer.headers()));
    value.to_str().expect("text").to_owned()
}

async fn refused(answer: Response, status: u16, code: &str) -> String {
    assert_eq!(answer.status(), status);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], code, "{body}");
    body["error"]["message"].as_str().expect("words").to_owned()
}

#[tokio::test]
async fn a_client_learns_of_its_own_limits_and_a_wait_that_is_true() {
    let limits = "    limits: { requests_per_second: 2, tokens_per_minute: 100000 }\n";
    let stack = stack(limits, "", "").await;
    let answer = send(stack.chat(&hello())).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "x-ratelimit-limit-requests"), "2");
    assert_eq!(header(&answer, "x-ratelimit-remaining-requests"), "1");
    assert_eq!(header(&answer, "x-ratelimit-limit-tokens"), "100000");
    let left: u64 = header(&answer, "x-ratelimit-remaining-tokens")
        .parse()
        .expect("a number");
    assert!((90_000..100_000).contains(&left), "{left}");
    for name in ["requests", "tokens"] {
        let reset = header(&answer, &format!("x-ratelimit-reset-{name}"));
        assert!(reset.ends_with('s'), "{reset}");
    }
    let again = wait_for("the limit", async || {
        let answer = send(stack.chat(&hello())).await;
        (answer.status() == 429).then_some(answer)
    });
    let answer = again.await;
    assert_eq!(header(&answer, "x-ratelimit-remaining-requests"), "0");
    let wait_ms: u64 = header(&answer, "retry-after-ms").parse().expect("a number");
    let wait_s: u64 = header(&answer, "retry-after").parse().expect("a number");
    assert!(wait_ms <= wait_s * 1_000, "{wait_ms} {wait_s}");
    let words = refused(answer, 429, "request_rate_limit_exceeded").await;
    assert!(
        words.contains("client's limit of 2 requests per second"),
        "{words}"
    );
    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    // The shared instance's own figures go to nobody, and a client without limits has none.
    let answer = send(chat(&stack, &other(), &hello())).await;
    assert_eq!(answer.status(), 200);
    let told = answer
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with("x-ratelimit-"));
    assert_eq!(told.count(), 0);
}

#[tokio::test]
async fn tokens_are_set_aside_and_settled_with_what_was_used() {
    let stack = stack("    limits: { tokens_per_minute: 1000 }\n", "", "").await;
    let mut much = hello();
    much["max_tokens"] = json!(2000);
    let words = refused(send(stack.chat(&much)).await, 400, "request_exceeds_limit").await;
    assert!(words.contains("1000 tokens per minute"), "{words}");
    // What the first may use leaves no room for a second one, until it is known what it did use.
    much["max_tokens"] = json!(900);
    much["stream"] = json!(true);
    let slow = stack
        .chat(&much)
        .header("x-fake-output-tokens", "40")
        .header("x-fake-token-delay-ms", "25");
    let mut first = send(slow).await;
    assert_eq!(first.status(), 200);
    first.chunk().await.expect("a piece").expect("a piece");
    much["stream"] = json!(false);
    let answer = send(stack.chat(&much)).await;
    let _: u64 = header(&answer, "retry-after-ms").parse().expect("a number");
    refused(answer, 429, "token_rate_limit_exceeded").await;
    while first.chunk().await.expect("a piece").is_some() {}
    let answer = send(stack.chat(&much)).await;
    assert_eq!(answer.status(), 200);
    // One that the client hangs up is settled, too.
    let answer = send(
        stack
            .chat(&hello_stream())
            .header("x-fake-token-delay-ms", "50"),
    )
    .await;
    assert_eq!(answer.status(), 200);
    drop(answer);
    let of_tokens = [
        r#"measure="tokens""#,
        r#"period="minute""#,
        r#"scope="client""#,
    ];
    assert!(metric(&stack, "tollgate_limit_refusals_total", &of_tokens).await >= 2.0);
}

#[tokio::test]
async fn a_quota_survives_a_restart_and_says_when_it_is_renewed() {
    let limits = "    limits: { quotas: [ { tokens: 200, per: day } ] }\n";
    let options =
        with_ledger(PRICES).edit_config(edit(limits, "", "limits: { time_zone: Asia/Tokyo }\n"));
    let mut stack = Stack::start(options).await;
    let mut body = hello();
    body["max_tokens"] = json!(100);
    let answer = send(stack.chat(&body).header("x-fake-output-tokens", "95")).await;
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("a whole answer");
    let log = stack.tollgate().log();
    let warned = log.wait_for_json("the warning", |line| {
        line["message"] == "a quota has reached a threshold"
    });
    let warned = warned.await;
    assert_eq!(warned["percent"], 50, "{warned}");
    assert_eq!(warned["of"], "client mobile-app", "{warned}");
    stack.restart_tollgate().await.expect("restarted");
    let words = wait_for("what was used before", async || {
        let answer = send(stack.chat(&body).header("x-fake-output-tokens", "95")).await;
        (answer.status() == 403).then_some(answer)
    });
    let words = refused(words.await, 403, "quota_exceeded").await;
    assert!(
        words.contains("200 tokens per day") && words.contains("+09:00"),
        "{words}"
    );
    assert_eq!(send(chat(&stack, &other(), &body)).await.status(), 200);
}

#[tokio::test]
async fn what_several_share_is_told_to_none_of_them() {
    let file =
        "limits: { deployments: { gpt-4o: { requests_per_minute: 3 } }, reserve: { high: 34 } }\n";
    let stack = stack("    priority: high\n", "", file).await;
    for _ in 0..1 {
        assert_eq!(send(chat(&stack, &other(), &hello())).await.status(), 200);
    }
    let answer = send(chat(&stack, &other(), &hello())).await;
    assert!(answer.headers().get("x-ratelimit-limit-requests").is_none());
    let words = refused(answer, 429, "request_rate_limit_exceeded").await;
    assert!(!words.contains('3') && words.contains("share"), "{words}");
    assert_eq!(
        send(stack.chat(&hello())).await.status(),
        200,
        "it comes first"
    );
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    assert_eq!(send(stack.chat(&hello())).await.status(), 429);
}

#[tokio::test]
async fn a_request_may_wait_for_its_turn() {
    let product =
        "    limits: { concurrent_requests: 1 }\n    queue: { max_wait: 4s, max_requests: 10 }\n";
    let stack = stack("", product, "").await;
    let slow = stack
        .chat(&hello_stream())
        .header("x-fake-token-delay-ms", "40");
    let began = Instant::now();
    let mut first = send(slow).await;
    assert_eq!(first.status(), 200);
    let second = tokio::spawn(chat(&stack, &other(), &hello()).send());
    while first.chunk().await.expect("a piece").is_some() {}
    let took = began.elapsed();
    let answer = second.await.expect("it ran").expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(began.elapsed() >= took, "it came after the first");
}

#[tokio::test]
async fn each_user_of_a_client_has_its_own_share() {
    let client = "    user_from: { header: x-end-user }\n    limits: { per_user: { requests_per_minute: 1 } }\n";
    let stack = stack(client, "", "").await;
    let ask = async |user: &str| send(stack.chat(&hello()).header("x-end-user", user)).await;
    assert_eq!(ask("ann").await.status(), 200);
    let words = refused(ask("ann").await, 429, "request_rate_limit_exceeded").await;
    assert!(
        words.contains("user's limit of 1 requests per minute"),
        "{words}"
    );
    assert_eq!(ask("bob").await.status(), 200);
}

#[tokio::test]
async fn limits_that_change_apply_at_once_and_forget_nothing() {
    let stack = stack("    limits: { requests_per_minute: 3 }\n", "", "").await;
    for _ in 0..2 {
        assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    }
    let yaml = std::fs::read_to_string(stack.config_path()).expect("a file");
    let yaml = yaml.replace("requests_per_minute: 3", "requests_per_minute: 2");
    std::fs::write(stack.config_path(), yaml).expect("written");
    wait_for("the smaller limit", async || {
        let answer = send(stack.chat(&hello())).await;
        (answer.status() == 429).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_response_in_the_background_keeps_what_was_set_aside_until_its_usage_is_known() {
    let limits = "    limits: { concurrent_requests: 1, tokens_per_minute: 1000 }\n";
    let options = with_everything("background: { poll_every: 50ms }\n");
    let stack = Stack::start(options.edit_config(edit(limits, "", ""))).await;
    stack.azure.hold_background(true);
    let begin = || {
        let body =
            json!({"model": "gpt-4o", "input": "Hi", "background": true, "max_output_tokens": 900});
        stack.post("/openai/v1/responses", &body)
    };
    let answer = send(begin()).await;
    assert_eq!(answer.status(), 200);
    // Until then it is under way, which is another limit.
    answer.text().await.expect("a whole answer");
    refused(send(begin()).await, 429, "token_rate_limit_exceeded").await;
    stack.azure.hold_background(false);
    wait_for("what it has used", async || {
        let answer = send(begin()).await;
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_budget_holds_also_where_only_the_answer_names_the_price() {
    let limits = "    limits: { quotas: [ { cost: 0.0003, per: month } ] }\n";
    let prices = "prices:\n  - { model: gpt-4o-2024-08-06, input: 2.50, output: 10, per: 1000000, currency: USD }\n";
    let stack = stack(limits, "", prices).await;
    let answer = send(stack.chat(&hello()).header("x-fake-output-tokens", "40")).await;
    assert_eq!(answer.status(), 200, "nothing is used yet");
    answer.text().await.expect("a whole answer");
    let refusal = send(stack.chat(&hello())).await;
    let words = refused(refusal, 403, "quota_exceeded").await;
    assert!(words.contains("0.0003 cost per month"), "{words}");
    let audit = stack.tollgate().audit();
    let line = audit.wait_for_json("the refusal", |line| line["reason"] == "quota_exceeded");
    assert_eq!(line.await["detail"], "client mobile-app: cost per month");
}

#[tokio::test]
async fn cost_is_set_aside_at_the_price_of_a_backend_that_may_answer() {
    let limits = "    limits: { quotas: [ { cost: 0.01, per: month } ] }\n";
    // The first backend has no price, and is not asked for the deployment.
    let more = "pools:\n  - { deployment: gpt-4o, backends: [ { name: east } ] }\nprices:\n  - { deployment: gpt-4o, backend: east, input: 2.50, output: 10, per: 1000, currency: USD }\n";
    let east = AzureOptions {
        name: "east".to_owned(),
        ..AzureOptions::default()
    };
    let options = Options::default().more_backends(vec![east]);
    let stack = Stack::start(options.edit_config(edit(limits, "", more))).await;
    let mut body = hello();
    body["max_tokens"] = json!(1000);
    let refusal = send(stack.chat(&body)).await;
    refused(refusal, 400, "request_exceeds_limit").await;
}

#[tokio::test]
async fn a_key_that_is_suspended_while_its_request_waits_gets_nothing() {
    let product =
        "    limits: { concurrent_requests: 1 }\n    queue: { max_wait: 4s, max_requests: 10 }\n";
    let stack = stack("", product, "").await;
    let mut first = send(
        stack
            .chat(&hello_stream())
            .header("x-fake-token-delay-ms", "5000"),
    )
    .await;
    assert_eq!(first.status(), 200);
    first.chunk().await.expect("a piece").expect("a piece");
    let second = tokio::spawn(chat(&stack, &other(), &hello()).send());
    let of_concurrent = [r#"measure="concurrent_requests""#];
    wait_for("the second to wait", async || {
        let refusals = metric(&stack, "tollgate_limit_refusals_total", &of_concurrent);
        (refusals.await > 0.0).then_some(())
    })
    .await;
    let yaml = std::fs::read_to_string(stack.config_path()).expect("a file");
    let key = format!("sha256: \"{}\"", other().sha256());
    let yaml = yaml.replacen(&key, &format!("{key}, state: suspended"), 1);
    std::fs::write(stack.config_path(), yaml).expect("written");
    wait_for("the new configuration", async || {
        let outcome = [r#"outcome="success""#];
        let reloads = metric(&stack, "tollgate_config_reloads_total", &outcome);
        (reloads.await > 0.0).then_some(())
    })
    .await;
    let before = stack.azure.requests().len();
    drop(first);
    let answer = second.await.expect("it ran").expect("an answer");
    refused(answer, 401, "invalid_api_key").await;
    assert_eq!(
        stack.azure.requests().len(),
        before,
        "it reached the backend"
    );
}
