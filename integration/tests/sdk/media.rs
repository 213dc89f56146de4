//! Images, audio, models and batches: what the SDK sends is understood, what it reads is counted.

use serde_json::json;

use crate::sdk::{BOTH, Sdk, assert_no_violations, record, stack};

#[tokio::test]
async fn images_and_transcriptions_are_counted_as_the_sdk_is_told() {
    let stack = stack().await;
    for (case, model) in [
        ("image", "gpt-image-1"),
        ("image_edit", "gpt-image-1"),
        ("transcription", "gpt-4o-transcribe"),
        ("transcription_stream", "gpt-4o-transcribe"),
    ] {
        let sdk = Sdk::new(&stack).model(model);
        for result in sdk.run_accounted(case, BOTH).await {
            assert!(result["usage"].is_object(), "{case}: {result}");
            let record = record(&stack, &result).await;
            assert_eq!(record["deployment"], model, "{case}: {record}");
            if case.starts_with("image") {
                assert_eq!(record["images"], result["images"], "{case}: {record}");
            }
        }
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn speech_and_models_and_batches_are_recorded() {
    let stack = stack().await;
    for result in Sdk::new(&stack).model("tts").run("speech", BOTH).await {
        let record = record(&stack, &result).await;
        assert_eq!(record["characters"], 5, "{record}");
        assert_eq!(record["response_bytes"], result["bytes"], "{record}");
    }
    for result in Sdk::new(&stack).run("models", BOTH).await {
        assert_eq!(record(&stack, &result).await["operation"], "models");
        let models = result["models"].as_array().expect("a list");
        assert!(models.contains(&json!("gpt-4o-2024-08-06")), "{result}");
    }
    for result in Sdk::new(&stack).run("batch", BOTH).await {
        assert_eq!(result["status"], "completed", "{result}");
        let record = record(&stack, &result).await;
        assert_eq!(record["source_reason"], "background", "{record}");
        assert_eq!(record["deployment"], "gpt-4o", "{record}");
    }
    assert_no_violations(&stack);
}
