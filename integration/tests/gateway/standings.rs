//! What operators see of limits: `tollgate limits`, and what `tollgate explain` says of them.

use serde_json::{Value, json};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack};

use crate::books::PRICES;
use crate::control::{Control, with_sqlite};
use crate::explain::explain;
use crate::support::{hello, send};

const CLIENT: &str = "    user_from: { header: x-end-user }\n    limits: { tokens_per_minute: 1000, quotas: [ { cost: 5, per: month } ], per_user: { requests_per_minute: 5 } }\n";

/// Members of `mobile-app` and of the file.
fn edit(client: &str, file: &str) -> impl FnOnce(String) -> String + Send + use<> {
    let client = format!("    products: [standard]\n{client}");
    let file = file.to_owned();
    move |yaml| yaml.replacen("    products: [standard]\n", &client, 1) + &file
}

fn with(client: &str, file: &str) -> Options {
    let file = format!("{file}{PRICES}");
    with_sqlite().edit_config(edit(client, &file))
}

async fn printed(control: &Control, words: &[&str]) -> String {
    let output = control.tollgate(words).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// The one limit of this scope, measure and period.
fn limit<'a>(all: &'a Value, scope: &str, measure: &str, user: Option<&str>) -> &'a Value {
    let mut limits = all["limits"].as_array().expect("a list").iter();
    let found = limits
        .find(|it| it["scope"] == scope && it["measure"] == measure && it["user"].as_str() == user);
    found.unwrap_or_else(|| panic!("no {scope} {measure}: {all}"))
}

#[tokio::test]
async fn the_running_service_says_what_is_used_and_set_aside_of_each_limit() {
    let file = "limits: { time_zone: Asia/Tokyo, everything: { requests_per_second: 50 }, deployments: { gpt-4o: { concurrent_requests: 9 } } }\n";
    let stack = Stack::start(with(CLIENT, file)).await;
    let control = Control::of(&stack);
    let ask = |user: &str| stack.chat(&hello()).header("x-end-user", user);
    let hostile = "b\u{202e}m13";
    for user in ["ann", "ann", hostile] {
        let answer = send(ask(user)).await;
        assert_eq!(answer.status(), 200);
        answer.text().await.expect("a whole answer");
    }
    // One that is under way.
    let mut body = hello();
    body["stream"] = json!(true);
    body["max_tokens"] = json!(300);
    let slow = stack
        .chat(&body)
        .header("x-end-user", "ann")
        .header("x-fake-output-tokens", "40")
        .header("x-fake-token-delay-ms", "25");
    let mut slow = send(slow).await;
    slow.chunk().await.expect("a piece").expect("a piece");
    let words = ["limits", "--client", "mobile-app", "--format", "json"];
    let all: Value = serde_json::from_str(&printed(&control, &words).await).expect("JSON");
    let tokens = limit(&all, "client", "tokens", None);
    let used = tokens["used"].as_u64().expect("a number");
    assert!((300..700).contains(&used), "three have used some: {tokens}");
    assert_eq!(tokens["left"], 1_000 - used);
    let cost = limit(&all, "client", "cost", None);
    assert_eq!(
        (cost["limit"].as_str(), cost["currency"].as_str()),
        (Some("5.00"), Some("USD")),
        "{cost}"
    );
    let set_aside = cost["set_aside"].as_str().expect("an amount");
    assert!(
        set_aside.starts_with("0.003"),
        "300 tokens at 10 USD: {cost}"
    );
    let renews = cost["renews"].as_str().expect("a moment");
    assert!(renews.ends_with("-01T00:00:00+09:00"), "{renews}");
    assert_eq!(limit(&all, "user", "requests", Some("ann"))["used"], 3);
    assert_eq!(
        limit(&all, "user", "requests", Some("b\u{fffd}m13"))["used"],
        1
    );
    assert_eq!(
        limit(&all, "deployment", "concurrent_requests", None)["used"],
        1
    );
    assert_eq!(limit(&all, "everything", "requests", None)["limit"], 50);
    while slow.chunk().await.expect("a piece").is_some() {}

    let text = printed(&control, &["limits", "--client", "mobile-app"]).await;
    assert!(text.contains("cost per month, USD"), "{text}");
    assert!(text.contains("user ann of client mobile-app"), "{text}");
    assert!(text.contains("user b\u{fffd}m13 of"), "it is shown: {text}");
    let one = ["limits", "--client", "mobile-app", "--users", "1"];
    let text = printed(&control, &one).await;
    assert!(
        text.contains("user ann") && !text.contains("user b"),
        "{text}"
    );
    assert!(text.contains("1 more users have used less"), "{text}");
    // All subjects, without users, of the service that a configuration is of.
    let config = stack.config_path().to_string_lossy().into_owned();
    let elsewhere = Control::at(&stack.directory().join("control/nowhere.sock"));
    let text = printed(&elsewhere, &["limits", "--config", &config]).await;
    assert!(
        text.contains("client mobile-app") && !text.contains("user ann"),
        "{text}"
    );
}

#[tokio::test]
async fn who_can_not_be_asked_is_said_in_plain_words() {
    let stack = Stack::start(with(CLIENT, "")).await;
    let control = Control::of(&stack);
    let unknown = control.tollgate(&["limits", "--client", "nobody"]).await;
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said.contains("there is no client `nobody`"), "{said}");
    let away = Control::at(&stack.directory().join("control/nowhere.sock"));
    let away = away.tollgate(&["limits"]).await;
    let said = String::from_utf8_lossy(&away.stderr).into_owned();
    assert_eq!(away.status.code(), Some(1));
    assert!(
        said.contains("no tollgate is listening") && said.contains("listen.control"),
        "{said}"
    );
}

fn write(stack: &Stack, body: &Value) -> String {
    let key = stack.key.text();
    let text = format!(
        "POST {CHAT_PATH} HTTP/1.1\napi-key: {key}\nx-end-user: ann\ncontent-type: application/json\n\n{body}"
    );
    let path = stack.directory().join("request.http");
    std::fs::write(&path, text).expect("written");
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn explain_says_what_is_set_aside_and_which_limit_would_refuse() {
    let shared =
        "limits: { reserve: { high: 25 }, deployments: { gpt-4o: { tokens_per_minute: 1200 } } }\n";
    let stack = Stack::start(with(CLIENT, shared)).await;
    let mut body = hello();
    body["max_tokens"] = json!(300);
    let file = write(&stack, &body);
    let (text, is_allowed) = explain(&stack, &["--request", &file]).await;
    assert!(is_allowed, "{text}");
    assert!(
        text.contains("by what this replica of the service knows"),
        "{text}"
    );
    assert!(
        text.contains("300 output tokens, a cost of 0.003"),
        "{text}"
    );
    assert!(
        text.contains("client mobile-app: 1000 tokens per minute, 0 used\n"),
        "{text}"
    );
    assert!(text.contains("user ann of client mobile-app: 5 requests per minute, 0 used"));
    // Asking has set nothing aside, and what is used is said.
    let answer = send(
        stack
            .chat(&hello())
            .header("x-fake-output-tokens", "800")
            .header("x-end-user", "ann"),
    );
    let answer = answer.await;
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("a whole answer");
    let (text, is_allowed) = explain(&stack, &["--request", &file]).await;
    assert!(!is_allowed, "{text}");
    assert!(text.contains("requests per minute, 1 used"), "{text}");
    assert!(text.contains(" more; there is room in "), "{text}");
    assert!(text.contains("refused: 429 rate_limit_of_tokens"), "{text}");
    let sent = send(stack.chat(&body).header("x-end-user", "ann")).await;
    assert_eq!(sent.status(), 429, "the service says so, too");
    // More than a whole limit, which is the caller's part of one that is shared.
    assert!(
        text.contains(
            "deployment gpt-4o: 900 tokens per minute (of 1200; 300 are kept for higher priorities)"
        ),
        "{text}"
    );
    body["max_tokens"] = json!(2_000);
    let file = write(&stack, &body);
    let (text, _) = explain(&stack, &["--request", &file]).await;
    assert!(text.contains("which is more than all of it"), "{text}");
    assert!(
        text.contains("refused: 400 request_exceeds_limit"),
        "{text}"
    );
}

#[tokio::test]
async fn explain_without_the_service_goes_by_the_configuration_alone() {
    let options =
        Options::default().edit_config(edit("    limits: { tokens_per_minute: 1000 }\n", ""));
    let stack = Stack::start(options).await;
    let mut body = hello();
    for (max_tokens, said, allowed) in [
        (
            900,
            "client mobile-app: 1000 tokens per minute, 0 used\n",
            true,
        ),
        (2_000, "refused: 400 request_exceeds_limit", false),
    ] {
        body["max_tokens"] = json!(max_tokens);
        let file = write(&stack, &body);
        let (text, is_allowed) = explain(&stack, &["--request", &file]).await;
        assert_eq!(is_allowed, allowed, "{text}");
        assert!(text.contains(said), "{text}");
        assert!(
            text.contains("by the configuration alone") && text.contains("listen.control"),
            "{text}"
        );
    }
}
