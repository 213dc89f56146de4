use super::*;
use crate::usage::ReasoningRates;

fn estimated(operation: Operation, request: &str, text: &str) -> TokenCounts {
    estimate(&EstimateInput {
        operation,
        model: "gpt-4o-2024-08-06".into(),
        prompt: Prompt::of_body(request.as_bytes().to_vec()),
        text: text.to_owned(),
        dropped_text_bytes: 0,
        output_at_least: 0,
        thinking: None,
    })
}

#[test]
fn a_chat_is_counted_by_the_published_rule() {
    let request = r#"{"messages":[{"role":"user","content":"hello world"}]}"#;
    let counts = estimated(Operation::ChatCompletions, request, "hello world");
    // 3 for the message, 1 for the role, 2 for the words, 3 for the reply.
    assert_eq!((counts.input, counts.output, counts.total), (9, 2, 11));
}

#[test]
fn content_parts_and_names_count() {
    let request = r#"{"messages":[{"role":"user","name":"bob","content":[
        {"type":"text","text":"hello world"},{"type":"image_url","image_url":{"url":"x"}}]}]}"#;
    let counts = estimated(Operation::ChatCompletions, request, "");
    // 11 of text, and an image that nobody has seen.
    assert_eq!((counts.input, counts.output), (11 + 1445, 0));
    assert_eq!(counts.image_input, 1445);
}

#[test]
fn the_other_operations_have_their_own_prompts() {
    let counts = estimated(
        Operation::Completions,
        r#"{"prompt":["hello world","hello"]}"#,
        "",
    );
    assert_eq!(counts.input, 3);
    let counts = estimated(Operation::Embeddings, r#"{"input":[1,2,3]}"#, "");
    assert_eq!(counts.input, 3);
    let counts = estimated(Operation::Responses, r#"{"input":"hello world"}"#, "hello");
    assert_eq!((counts.input, counts.output), (9, 1));
}

#[test]
fn text_that_was_not_kept_is_counted_like_the_text_that_was() {
    for (text, what) in [("Wie geht es dir? ", "German"), ("你好，世界。", "Chinese")] {
        let kept = text.repeat(1000);
        let whole = estimated(Operation::ChatCompletions, "{}", &text.repeat(4000));
        let cut = estimate(&EstimateInput {
            operation: Operation::ChatCompletions,
            model: "gpt-4o".into(),
            prompt: Prompt::Length(0),
            dropped_text_bytes: kept.len() * 3,
            output_at_least: 0,
            thinking: None,
            text: kept,
        });
        let off = whole.output.abs_diff(cut.output);
        assert!(
            off * 100 <= whole.output,
            "{what}: {} {}",
            whole.output,
            cut.output
        );
    }
}

#[test]
fn what_can_not_be_read_is_counted_by_its_length() {
    let counts = estimated(Operation::ChatCompletions, "not json", "");
    assert_eq!(counts.input, 2);
    let long = "x".repeat(MAX_KEPT_PROMPT_BYTES + 4);
    let counts = estimated(Operation::ChatCompletions, &long, "");
    assert_eq!(counts.input, 262_145, "its length is kept, not its text");
}

/// What a chat is charged that broke off after so much thinking.
fn thought(request: &str, text: &str, thinking: Thinking) -> (u64, u64) {
    let counts = estimate(&EstimateInput {
        operation: Operation::ChatCompletions,
        model: "o3".into(),
        prompt: Prompt::of_body(request.as_bytes().to_vec()),
        text: text.to_owned(),
        dropped_text_bytes: 0,
        output_at_least: 0,
        thinking: Some(thinking),
    });
    assert_eq!(counts.total, counts.input + counts.output);
    (counts.reasoning, counts.output)
}

#[test]
fn reasoning_is_estimated_by_its_time_within_what_was_asked_for() {
    let rates = ReasoningRates::default();
    let ten_seconds = Thinking {
        rate: rates.of("o3", None),
        time: Duration::from_secs(10),
        includes_text: false,
        choices: 1,
        limit: None,
    };
    assert_eq!(thought("{}", "hello world", ten_seconds), (1000, 1002));
    let three = Thinking {
        choices: 3,
        ..ten_seconds
    };
    assert_eq!(thought("{}", "", three), (3000, 3000));
    for (request, expected) in [
        (r#"{"max_completion_tokens":500}"#, (498, 500)),
        (r#"{"max_output_tokens":1}"#, (0, 2)),
        (r#"{"max_tokens":2000}"#, (1000, 1002)),
        (r#"{"max_tokens":"many"}"#, (1000, 1002)),
        (r#"{"reasoning_effort":"none"}"#, (0, 2)),
        (r#"{"reasoning":{"effort":"none"}}"#, (0, 2)),
        (r#"{"reasoning":{"effort":"high"}}"#, (1000, 1002)),
    ] {
        let found = thought(request, "hello world", ten_seconds);
        assert_eq!(found, expected, "{request}");
    }
    let limited = Thinking {
        limit: NonZeroU32::new(100),
        ..ten_seconds
    };
    assert_eq!(thought("{}", "hello world", limited), (98, 100));
    let whole = Thinking {
        includes_text: true,
        ..ten_seconds
    };
    assert_eq!(thought("{}", "hello world", whole), (998, 1000));
}

#[test]
fn what_goes_on_unseen_has_a_least_output() {
    let counted = |output_at_least| {
        estimate(&EstimateInput {
            operation: Operation::Responses,
            model: "gpt-4o".into(),
            prompt: Prompt::Length(400),
            text: "Hello".to_owned(),
            dropped_text_bytes: 0,
            output_at_least,
            thinking: None,
        })
    };
    assert_eq!((counted(0).output, counted(500).output), (1, 500));
    assert_eq!(counted(500).total, 600);
}
