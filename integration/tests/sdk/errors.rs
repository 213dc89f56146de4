//! What goes wrong is raised as the exception that callers catch.

use serde_json::{Value, json};
use tollgate_integration::fakes::identity::IdentityOptions;
use tollgate_integration::fakes::identity::control::Mode;
use tollgate_integration::stack::{Stack, TestKey};

use crate::sdk::{BOTH, Sdk, options, record, stack};

/// Asserts what the SDK raised, with each client.
fn assert_raised(results: &[Value], exception: &str, status: u16, code: &str) {
    assert_eq!(
        results.len(),
        BOTH.len(),
        "one for each client: {results:?}"
    );
    for result in results {
        assert_eq!(result["exception"], exception, "{result}");
        assert_eq!(result["status"], status, "{result}");
        assert_eq!(result["code"], code, "{result}");
        assert!(
            result["request_id"].is_string(),
            "no id to ask about: {result}"
        );
    }
}

/// The reasons of the refusals in the audit log, each found by the id that the SDK has seen.
async fn reasons(stack: &Stack, results: &[Value]) -> Vec<Value> {
    let audit = stack.tollgate().audit();
    let mut reasons = Vec::new();
    for result in results {
        let is_it =
            |line: &Value| line["event"] == "refused" && line["request_id"] == result["request_id"];
        let line = audit.wait_for_json("the refusal", is_it).await;
        reasons.push(line["reason"].clone());
    }
    reasons
}

#[tokio::test]
async fn a_wrong_key_is_an_authentication_error() {
    let stack = stack().await;
    let unknown = TestKey::numbered(2);
    let results = Sdk::new(&stack).key(unknown.text()).run("chat", BOTH).await;
    assert_raised(&results, "AuthenticationError", 401, "invalid_api_key");
    assert_eq!(
        reasons(&stack, &results).await,
        ["key_unknown", "key_unknown"]
    );
    assert!(stack.azure.requests().is_empty(), "the backend was reached");
}

#[tokio::test]
async fn a_model_that_is_not_allowed_is_a_permission_error_streamed_or_not() {
    let stack = stack().await;
    for case in ["chat", "chat_stream", "response"] {
        let results = Sdk::new(&stack).model("gpt-4o-mini").run(case, BOTH).await;
        assert_raised(
            &results,
            "PermissionDeniedError",
            403,
            "deployment_not_allowed",
        );
        let reasons = reasons(&stack, &results).await;
        assert_eq!(reasons, ["deployment_not_allowed"; 2], "{case}");
    }
    assert!(stack.azure.requests().is_empty(), "the backend was reached");
}

#[tokio::test]
async fn a_malformed_request_is_a_bad_request_error() {
    let stack = stack().await;
    let results = Sdk::new(&stack).model("gpt 4o").run("response", BOTH).await;
    assert_raised(&results, "BadRequestError", 400, "invalid_model");
    assert_eq!(
        reasons(&stack, &results).await,
        ["model_name", "model_name"]
    );
    assert!(stack.azure.requests().is_empty(), "the backend was reached");
}

#[tokio::test]
async fn without_the_gateways_identity_the_sdk_tries_again_and_raises_a_server_error() {
    let identity = IdentityOptions {
        mode: Mode::Failing { status: 500 },
        ..IdentityOptions::default()
    };
    let stack = Stack::start(options().identity(identity).dont_wait_until_ready()).await;
    let results = Sdk::new(&stack).retries(1).run("chat", &["azure"]).await;
    let result = &results[0];
    assert_eq!(result["exception"], "InternalServerError", "{result}");
    assert_eq!(result["status"], 503, "{result}");
    assert_eq!(result["code"], "identity_unavailable", "{result}");
    let refusals = stack
        .tollgate()
        .audit()
        .wait_for_count("both tries", 2)
        .await;
    let reasons: Vec<_> = refusals.iter().map(|line| &line["reason"]).collect();
    assert_eq!(json!(reasons), json!(["no_identity", "no_identity"]));
}

#[tokio::test]
async fn a_throttled_backend_is_a_rate_limit_error_after_the_pause_that_it_asked_for() {
    let stack = stack().await;
    let sdk = Sdk::new(&stack)
        .header("x-fake-fault", "status-429")
        .header("x-fake-retry-after-ms", "10")
        .retries(1);
    let results = sdk.run("chat", BOTH).await;
    assert_raised(&results, "RateLimitError", 429, "429");
    for result in &results {
        assert_eq!(result["retry_after_ms"], "10", "the SDK heeds it: {result}");
    }
    let tries = BOTH.len() * 2;
    assert_eq!(stack.azure.requests().len(), tries, "each is tried twice");
    let records = stack
        .tollgate()
        .audit()
        .wait_for_count("all tries", tries)
        .await;
    assert!(
        records.iter().all(|it| it["total_tokens"] == 0),
        "nothing is charged: {records:?}"
    );
}

#[tokio::test]
async fn a_prompt_that_the_content_filter_refuses_is_a_bad_request_error_and_charged() {
    let stack = stack().await;
    let sdk = Sdk::new(&stack).header("x-fake-fault", "filter-prompt");
    let results = sdk.run("chat_stream", BOTH).await;
    assert_raised(&results, "BadRequestError", 400, "content_filter");
    for result in &results {
        let record = record(&stack, result).await;
        assert_ne!(record["input_tokens"], 0, "the prompt is billed: {record}");
    }
}
