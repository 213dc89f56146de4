//! Chat, completions and embeddings: what the SDK reads is what was billed and counted.

use serde_json::{Value, json};

use crate::sdk::{BOTH, Sdk, assert_no_violations, stack};

#[tokio::test]
async fn a_chat_is_counted_as_the_sdk_is_told() {
    let stack = stack().await;
    let sdk = Sdk::new(&stack)
        .header("x-fake-cached-tokens", "2")
        .header("x-fake-reasoning-tokens", "5");
    for result in sdk.run_accounted("chat", BOTH).await {
        assert_has_text(&result);
        assert_eq!(result["usage"]["cached_tokens"], 2, "{result}");
        assert_eq!(result["usage"]["reasoning_tokens"], 5, "{result}");
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_key_works_where_azure_callers_show_a_token_of_entra_id() {
    let stack = stack().await;
    let results = Sdk::new(&stack)
        .run_accounted("chat", &["azure-token"])
        .await;
    assert_has_text(&results[0]);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_chat_stream_is_counted_although_the_sdk_is_not_told() {
    let stack = stack().await;
    for result in Sdk::new(&stack).run_accounted("chat_stream", BOTH).await {
        assert_has_text(&result);
        assert_eq!(result["finish_reason"], "stop", "{result}");
        assert_eq!(
            result["usage"],
            Value::Null,
            "it was not asked for: {result}"
        );
    }
}

#[tokio::test]
async fn a_chat_stream_has_its_usage_if_the_sdk_asks() {
    let stack = stack().await;
    for result in Sdk::new(&stack)
        .run_accounted("chat_stream_with_usage", BOTH)
        .await
    {
        assert_has_text(&result);
        assert!(result["usage"].is_object(), "it was asked for: {result}");
    }
}

#[tokio::test]
async fn the_asynchronous_clients_stream() {
    let stack = stack().await;
    let clients = ["async-azure", "async-openai"];
    for result in Sdk::new(&stack)
        .run_accounted("async_chat_stream", &clients)
        .await
    {
        assert_has_text(&result);
        assert_eq!(
            result["usage"],
            Value::Null,
            "it was not asked for: {result}"
        );
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn completions_are_counted_streamed_or_not() {
    let stack = stack().await;
    for (case, is_told) in [("completion", true), ("completion_stream", false)] {
        let sdk = Sdk::new(&stack).model("gpt-35-turbo-instruct");
        for result in sdk.run_accounted(case, BOTH).await {
            assert_has_text(&result);
            assert_eq!(result["usage"].is_object(), is_told, "{case}: {result}");
        }
    }
}

#[tokio::test]
async fn embeddings_are_counted_and_whole() {
    let stack = stack().await;
    let sdk = Sdk::new(&stack).model("text-embedding-3-large");
    for result in sdk.run_accounted("embeddings", BOTH).await {
        assert_eq!(result["dimensions"], json!([3072, 3072]), "{result}");
        assert_eq!(result["usage"]["output_tokens"], 0, "{result}");
    }
}

fn assert_has_text(result: &Value) {
    let text = result["text"].as_str().unwrap_or_default();
    assert!(!text.is_empty(), "no text: {result}");
}
