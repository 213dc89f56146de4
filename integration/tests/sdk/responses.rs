//! The Responses API: answers that are kept, gone on from, fetched and deleted.

use serde_json::{Value, json};

use crate::sdk::{BOTH, Sdk, assert_accounted, assert_no_violations, counts, record, stack};

#[tokio::test]
async fn a_response_is_counted_as_the_sdk_is_told() {
    let stack = stack().await;
    let sdk = Sdk::new(&stack).header("x-fake-reasoning-tokens", "7");
    for result in sdk.run_accounted("response", BOTH).await {
        assert!(result["usage"].is_object(), "{result}");
        assert_eq!(result["usage"]["reasoning_tokens"], 7, "{result}");
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_streamed_response_ends_with_its_usage_and_is_counted() {
    let stack = stack().await;
    for result in Sdk::new(&stack)
        .run_accounted("response_stream", BOTH)
        .await
    {
        assert_eq!(result["event"], "response.completed", "{result}");
        assert_eq!(
            result["whole"], result["text"],
            "the deltas make up the text: {result}"
        );
        assert!(result["usage"].is_object(), "{result}");
    }
}

#[tokio::test]
async fn a_kept_response_is_gone_on_from_fetched_and_deleted() {
    let stack = stack().await;
    for client in BOTH {
        let results = Sdk::new(&stack)
            .run("response_conversation", &[client])
            .await;
        let [first, second, fetched, gone] = &results[..] else {
            panic!("not the four results: {results:?}");
        };
        assert_accounted(&stack, first).await;
        assert_accounted(&stack, second).await;
        let input = |result: &Value| result["usage"]["input_tokens"].as_u64();
        assert!(
            input(second) > input(first),
            "the context is billed again: {second}"
        );

        assert_eq!(fetched["text"], first["text"], "{client}");
        assert_eq!(
            fetched["usage"], first["usage"],
            "it repeats the first one's usage"
        );
        let record = record(&stack, fetched).await;
        assert_eq!(record["source"], "none", "fetching costs nothing: {record}");
        assert_eq!(counts(&record)["total_tokens"], json!(0), "{record}");

        assert_eq!(
            gone["exception"], "NotFoundError",
            "after its deletion: {gone}"
        );
    }
    assert_no_violations(&stack);
}
