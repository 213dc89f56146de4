//! Token counts for answers whose usage never came.
//!
//! The prompt is counted by OpenAI's rule for chats
//! (<https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb>),
//! the answer's text as one piece: counts per chunk don't add up. Call it off the hot path: the
//! first call builds a tokenizer, and each one costs milliseconds for a long text.

use std::sync::Arc;

use bpe_openai::{Tokenizer, cl100k_base, o200k_base};
use serde_json::Value;

use super::TokenCounts;
use crate::access::Operation;

/// Tokens that frame each message of a chat.
const TOKENS_PER_MESSAGE: u64 = 3;
/// Tokens for a `name` next to a role.
const TOKENS_PER_NAME: u64 = 1;
/// Tokens that prime every answer.
const TOKENS_PER_REPLY: u64 = 3;
/// Longest request body that is kept: about 250,000 tokens.
const MAX_KEPT_PROMPT_BYTES: usize = 1024 * 1024;
/// Bytes of ordinary text for one token, for what is too long to be kept or read.
const BYTES_PER_TOKEN: u64 = 4;

/// A request's body, kept for an estimate for as long as the answer takes.
#[derive(Debug)]
pub enum Prompt {
    /// The body.
    Body(Vec<u8>),
    /// The text of a form, which has nothing else that a tokenizer could count.
    Text(String),
    /// How many bytes it had: it was too long to be kept.
    Length(usize),
}

impl Prompt {
    /// Keeps a body, or its length.
    pub fn of_body(body: Vec<u8>) -> Self {
        match body.len() {
            0..=MAX_KEPT_PROMPT_BYTES => Self::Body(body),
            length => Self::Length(length),
        }
    }

    /// Keeps the text of a form, or its length.
    pub fn of_text(text: &str) -> Self {
        match text.len() {
            0..=MAX_KEPT_PROMPT_BYTES => Self::Text(text.to_owned()),
            length => Self::Length(length),
        }
    }
}

/// What an estimate is made from.
#[derive(Debug)]
pub struct EstimateInput {
    /// The operation.
    pub operation: Operation,
    /// The model, or the deployment where the model is not known.
    pub model: Arc<str>,
    /// What was asked.
    pub prompt: Prompt,
    /// The text of the answer.
    pub text: String,
    /// Bytes of the answer that were not kept.
    pub dropped_text_bytes: usize,
}

/// Counts the tokens of a request and of as much of its answer as came.
pub fn estimate(input: &EstimateInput) -> TokenCounts {
    let tokenizer = tokenizer(&input.model);
    let prompt = match &input.prompt {
        Prompt::Body(body) => match serde_json::from_slice::<Value>(body) {
            Ok(parsed) => prompt_tokens(tokenizer, input.operation, &parsed),
            Err(_) => tokens_of_bytes(body.len()),
        },
        Prompt::Text(text) => count(tokenizer, text),
        Prompt::Length(bytes) => tokens_of_bytes(*bytes),
    };
    let kept = count(tokenizer, &input.text);
    let output = kept + tokens_like(kept, input.text.len(), input.dropped_text_bytes);
    TokenCounts {
        input: prompt,
        output,
        total: prompt + output,
        ..TokenCounts::default()
    }
}

/// The tokenizer of a model (<https://github.com/openai/tiktoken/blob/main/tiktoken/model.py>).
fn tokenizer(model: &str) -> &'static Tokenizer {
    let is_old = ["gpt-35", "gpt-3.5", "text-embedding", "davinci"]
        .iter()
        .any(|name| model.contains(name))
        || model == "gpt-4"
        || ["gpt-4-", "gpt-4-32k"]
            .iter()
            .any(|name| model.starts_with(name));
    match is_old {
        true => cl100k_base(),
        false => o200k_base(),
    }
}

fn prompt_tokens(tokenizer: &Tokenizer, operation: Operation, body: &Value) -> u64 {
    match operation {
        Operation::ChatCompletions => {
            let messages = body
                .get("messages")
                .map_or(0, |list| messages(tokenizer, list));
            messages + tools(tokenizer, body) + TOKENS_PER_REPLY
        }
        Operation::Responses | Operation::ResponsesCompact => {
            let input = match body.get("input") {
                Some(Value::String(text)) => TOKENS_PER_MESSAGE + 1 + count(tokenizer, text),
                Some(list) => messages(tokenizer, list),
                None => 0,
            };
            let instructions = body.get("instructions").and_then(Value::as_str);
            let instructions =
                instructions.map_or(0, |text| TOKENS_PER_MESSAGE + 1 + count(tokenizer, text));
            input + instructions + tools(tokenizer, body) + TOKENS_PER_REPLY
        }
        Operation::Completions => body.get("prompt").map_or(0, |it| strings(tokenizer, it)),
        Operation::Embeddings => body.get("input").map_or(0, |it| strings(tokenizer, it)),
        Operation::AudioSpeech => ["input", "instructions"]
            .iter()
            .filter_map(|name| body.get(*name))
            .map(|text| strings(tokenizer, text))
            .sum(),
        Operation::ImagesGenerations
        | Operation::ImagesEdits
        | Operation::AudioTranscriptions
        | Operation::AudioTranslations => body.get("prompt").map_or(0, |it| strings(tokenizer, it)),
        Operation::ResponsesInputTokens
        | Operation::Models
        | Operation::Files
        | Operation::Batches
        | Operation::Realtime => 0,
    }
}

fn messages(tokenizer: &Tokenizer, list: &Value) -> u64 {
    let message = |message: &Value| {
        let name = message.get("name").and_then(Value::as_str);
        let role = message.get("role").and_then(Value::as_str);
        let content = message.get("content");
        TOKENS_PER_MESSAGE
            + role.map_or(0, |role| count(tokenizer, role))
            + name.map_or(0, |name| TOKENS_PER_NAME + count(tokenizer, name))
            + content.map_or(0, |content| strings_named(tokenizer, content, "text"))
    };
    list.as_array()
        .map_or(0, |list| list.iter().map(message).sum())
}

/// The definitions of tools are part of the prompt; their JSON is close to what the model sees.
fn tools(tokenizer: &Tokenizer, body: &Value) -> u64 {
    body.get("tools")
        .map_or(0, |tools| count(tokenizer, &tools.to_string()))
}

/// Tokens of a string, of a list of strings, or of a list of token numbers.
fn strings(tokenizer: &Tokenizer, value: &Value) -> u64 {
    match value {
        Value::String(text) => count(tokenizer, text),
        Value::Array(list) => list.iter().map(|item| strings(tokenizer, item)).sum(),
        Value::Number(_) => 1,
        Value::Null | Value::Bool(_) | Value::Object(_) => 0,
    }
}

/// Tokens of a string, or of the strings of one name in a list of content parts.
fn strings_named(tokenizer: &Tokenizer, value: &Value, name: &str) -> u64 {
    match value {
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.get(name));
            texts.map(|text| strings(tokenizer, text)).sum()
        }
        other => strings(tokenizer, other),
    }
}

fn count(tokenizer: &Tokenizer, text: &str) -> u64 {
    u64::try_from(tokenizer.count(text)).unwrap_or(u64::MAX)
}

/// Tokens of text that was not kept, if it is like the text that was.
fn tokens_like(tokens: u64, kept_bytes: usize, dropped_bytes: usize) -> u64 {
    let widen = |bytes| u128::try_from(bytes).unwrap_or(u128::MAX);
    let scaled = u128::from(tokens).saturating_mul(widen(dropped_bytes));
    match scaled.checked_div(widen(kept_bytes)) {
        Some(tokens) => u64::try_from(tokens).unwrap_or(u64::MAX),
        None => tokens_of_bytes(dropped_bytes),
    }
}

fn tokens_of_bytes(bytes: usize) -> u64 {
    u64::try_from(bytes)
        .unwrap_or(u64::MAX)
        .div_ceil(BYTES_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimated(operation: Operation, request: &str, text: &str) -> TokenCounts {
        estimate(&EstimateInput {
            operation,
            model: "gpt-4o-2024-08-06".into(),
            prompt: Prompt::of_body(request.as_bytes().to_vec()),
            text: text.to_owned(),
            dropped_text_bytes: 0,
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
        assert_eq!((counts.input, counts.output), (11, 0));
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
}
