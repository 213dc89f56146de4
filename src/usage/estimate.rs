//! Token counts for answers whose usage never came.
//!
//! The prompt is counted by OpenAI's rule for chats
//! (<https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb>),
//! the answer's text as one piece: counts per chunk don't add up. Call it off the hot path: the
//! first call builds a tokenizer, and each one costs milliseconds for a long text.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bpe_openai::{Tokenizer, cl100k_base, o200k_base};
use memchr::memmem;
use serde_json::Value;

use super::TokenCounts;
use super::media::{self, MediaTokens, without_payloads};
use super::reasoning::Rate;
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
    /// Keeps a body; a long one without the images and recordings in it, or only the length of that.
    pub fn of_body(body: Vec<u8>) -> Self {
        if body.len() <= MAX_KEPT_PROMPT_BYTES {
            return Self::Body(body);
        }
        let kept = without_payloads(&body);
        match kept.len() {
            0..=MAX_KEPT_PROMPT_BYTES => Self::Body(kept),
            length => Self::Length(length),
        }
    }

    /// How many bytes of a body are its text: images and recordings in it are tokens of another kind.
    pub fn text_bytes(body: &[u8]) -> usize {
        match memmem::find(body, b";base64,") {
            Some(_) => without_payloads(body).len(),
            None => body.len(),
        }
    }

    /// Whether the request may have said how much is to be reasoned.
    pub fn may_say_effort(&self) -> bool {
        match self {
            Self::Body(body) => memmem::find(body, b"effort").is_some(),
            Self::Text(_) => false,
            Self::Length(_) => true,
        }
    }

    /// How many bytes it keeps in memory.
    pub fn kept_bytes(&self) -> usize {
        match self {
            Self::Body(body) => body.len(),
            Self::Text(text) => text.len(),
            Self::Length(_) => 0,
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
    /// What is known to be written, or has to be assumed, however little of it came.
    pub output_at_least: u64,
    /// What the model may have reasoned; none where it had not begun to answer.
    pub thinking: Option<Thinking>,
}

/// The time in which a model may have reasoned.
#[derive(Clone, Copy, Debug)]
pub struct Thinking {
    /// How fast the deployment reasons.
    pub rate: Rate,
    /// From the request's arrival to the first text, or to the end where none came.
    pub time: Duration,
    /// Whether the text was generated in that time, too.
    pub includes_text: bool,
    /// How many choices were generated at once.
    pub choices: u64,
    /// The most tokens that the client may be answered.
    pub limit: Option<NonZeroU32>,
}

/// Counts the tokens of a request and of as much of its answer as came.
pub fn estimate(input: &EstimateInput) -> TokenCounts {
    let tokenizer = tokenizer(&input.model);
    let body = match &input.prompt {
        Prompt::Body(body) => serde_json::from_slice::<Value>(body).ok(),
        Prompt::Text(_) | Prompt::Length(_) => None,
    };
    let media = body.as_ref().map(|body| match input.operation {
        Operation::ChatCompletions => media::tokens(&input.model, body.get("messages")),
        Operation::Responses | Operation::ResponsesCompact => {
            media::tokens(&input.model, body.get("input"))
        }
        _ => MediaTokens::default(),
    });
    let media = media.unwrap_or_default();
    let text_of_prompt = match (&input.prompt, &body) {
        (_, Some(body)) => prompt_tokens(tokenizer, input.operation, body),
        (Prompt::Body(body), None) => tokens_of_length(body.len()),
        (Prompt::Text(text), None) => count(tokenizer, text),
        (Prompt::Length(bytes), None) => tokens_of_length(*bytes),
    };
    let kept = count(tokenizer, &input.text);
    let text = kept.saturating_add(tokens_like(
        kept,
        input.text.len(),
        input.dropped_text_bytes,
    ));
    let thinking = input.thinking.as_ref();
    let reasoning = thinking.map_or(0, |it| reasoning(it, body.as_ref(), text));
    let output = text.saturating_add(reasoning);
    let output = output.max(input.output_at_least);
    let prompt = text_of_prompt
        .saturating_add(media.images)
        .saturating_add(media.audio);
    TokenCounts {
        input: prompt,
        image_input: media.images,
        audio_input: media.audio,
        output,
        total: prompt.saturating_add(output),
        reasoning,
        ..TokenCounts::default()
    }
}

/// What was reasoned in a time, within what was asked for.
fn reasoning(thinking: &Thinking, body: Option<&Value>, text: u64) -> u64 {
    let member = |name: &str| body.and_then(|body| body.get(name));
    let effort = member("reasoning_effort").or_else(|| member("reasoning")?.get("effort"));
    if effort.and_then(Value::as_str) == Some("none") {
        return 0;
    }
    let each = ["max_completion_tokens", "max_output_tokens", "max_tokens"]
        .iter()
        .filter_map(|name| member(name)?.as_u64())
        .min();
    let asked = each.map(|each| each.saturating_mul(thinking.choices));
    let limit = thinking.limit.map(|limit| u64::from(limit.get()));
    let most = asked.into_iter().chain(limit).min().unwrap_or(u64::MAX);
    let generated = thinking.rate.over(thinking.time);
    let generated = generated.saturating_mul(thinking.choices);
    let seen = if thinking.includes_text { text } else { 0 };
    let unseen = generated.saturating_sub(seen);
    unseen.min(most.saturating_sub(text))
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
        None => tokens_of_length(dropped_bytes),
    }
}

fn tokens_of_length(bytes: usize) -> u64 {
    tokens_of_bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// The tokens of a text of which nothing but its length is known.
pub(crate) fn tokens_of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

#[cfg(test)]
mod tests;
