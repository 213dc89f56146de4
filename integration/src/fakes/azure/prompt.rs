//! What a prompt costs, by the rules that OpenAI's cookbook gives ("How to count tokens with
//! tiktoken"): 3 tokens per message, the tokens of its role and content, 1 per name and the tokens of
//! the name, and 3 that prime the answer.
//!
//! Tools are counted as the JSON they are; the service renders them in a form that nobody documents.

use super::tokenizer::Encoding;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const TOKENS_PER_MESSAGE: u64 = 3;
const TOKENS_PER_NAME: u64 = 1;
const TOKENS_OF_REPLY_PRIMING: u64 = 3;
/// An image of gpt-4o's in low detail; in high detail each tile of 512 pixels is added.
const TOKENS_PER_IMAGE: u64 = 85;
const TOKENS_PER_TILE: u64 = 170;
/// An image whose size the fake can't see.
const TILES_OF_UNKNOWN: u64 = 4;
/// Audio is a token for 100 ms; bytes of that in 24 kHz, 16 bits, mono.
const WAV_HEADER_BYTES: usize = 44;
const WAV_BYTES_PER_TOKEN: usize = 4800;

/// A prompt: its price, and what it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Tokens.
    pub tokens: u64,
    /// The last text of the user, which the answer takes up.
    pub topic: String,
}

/// The prompt of a chat: `messages` and `tools`.
pub fn chat(body: &Value, encoding: Encoding) -> Prompt {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let spoken: u64 = messages.iter().map(|one| message(one, encoding)).sum();
    Prompt {
        tokens: spoken + tools(body, encoding) + TOKENS_OF_REPLY_PRIMING,
        topic: last_of_user(messages),
    }
}

/// The prompt of a response: `instructions`, `input` and `tools`.
pub fn responses(body: &Value, encoding: Encoding) -> Prompt {
    let instructions = body["instructions"].as_str().map_or(0, |text| {
        TOKENS_PER_MESSAGE + encoding.count("system") + encoding.count(text)
    });
    let items = input_items(body);
    let spoken: u64 = items.iter().map(|item| message(item, encoding)).sum();
    Prompt {
        tokens: instructions + spoken + tools(body, encoding) + TOKENS_OF_REPLY_PRIMING,
        topic: last_of_user(&items),
    }
}

/// `input` as a list: a string is a message of the user.
pub fn input_items(body: &Value) -> Vec<Value> {
    match &body["input"] {
        Value::Array(items) => items.clone(),
        Value::String(text) => vec![serde_json::json!({"role": "user", "content": text})],
        _ => Vec::new(),
    }
}

/// The prompt of a completion: `prompt`, a text or several, or their tokens.
pub fn completion(body: &Value, encoding: Encoding) -> Prompt {
    let prompts = texts(&body["prompt"]);
    Prompt {
        tokens: prompts.iter().map(|one| one.count(encoding)).sum(),
        topic: prompts.last().map(Text::shown).unwrap_or_default(),
    }
}

/// A text, or tokens in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// As characters.
    Plain(String),
    /// As token ids, of which only the number matters.
    Tokens(Vec<u64>),
}

impl Text {
    /// Its number of tokens.
    pub fn count(&self, encoding: Encoding) -> u64 {
        match self {
            Self::Plain(text) => encoding.count(text),
            Self::Tokens(ids) => u64::try_from(ids.len()).unwrap_or(u64::MAX),
        }
    }

    /// Its characters, as far as there are any.
    pub fn shown(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Tokens(ids) => format!("{ids:?}"),
        }
    }
}

/// The texts of `prompt` or `input`: a string, strings, tokens, or lists of tokens.
pub fn texts(value: &Value) -> Vec<Text> {
    match value {
        Value::String(text) => vec![Text::Plain(text.clone())],
        Value::Array(items) if items.iter().all(Value::is_u64) && !items.is_empty() => {
            vec![Text::Tokens(ids(items))]
        }
        Value::Array(items) => items.iter().filter_map(one_text).collect(),
        _ => Vec::new(),
    }
}

fn one_text(value: &Value) -> Option<Text> {
    match value {
        Value::String(text) => Some(Text::Plain(text.clone())),
        Value::Array(items) => Some(Text::Tokens(ids(items))),
        _ => None,
    }
}

fn ids(items: &[Value]) -> Vec<u64> {
    items.iter().filter_map(Value::as_u64).collect()
}

fn message(message: &Value, encoding: Encoding) -> u64 {
    let text_of = |key: &str| message[key].as_str().map_or(0, |text| encoding.count(text));
    let name = message["name"]
        .as_str()
        .map_or(0, |name| TOKENS_PER_NAME + encoding.count(name));
    let calls: u64 = message["tool_calls"].as_array().map_or(0, |calls| {
        let call = |call: &Value| {
            let function = &call["function"];
            let part = |key: &str| {
                function[key]
                    .as_str()
                    .map_or(0, |text| encoding.count(text))
            };
            part("name") + part("arguments")
        };
        calls.iter().map(call).sum()
    });
    TOKENS_PER_MESSAGE
        + text_of("role")
        + name
        + calls
        + text_of("output")
        + text_of("arguments")
        + content(&message["content"], encoding)
}

fn content(content: &Value, encoding: Encoding) -> u64 {
    match content {
        Value::String(text) => encoding.count(text),
        Value::Array(parts) => parts.iter().map(|one| part(one, encoding)).sum(),
        _ => 0,
    }
}

fn part(part: &Value, encoding: Encoding) -> u64 {
    match part["type"].as_str() {
        Some("image_url") => image(&part["image_url"]["url"], &part["image_url"]["detail"]),
        Some("input_image") => image(&part["image_url"], &part["detail"]),
        Some("input_audio") => {
            let file = decoded(part["input_audio"]["data"].as_str().unwrap_or_default());
            let samples = file.len().saturating_sub(WAV_HEADER_BYTES);
            u64::try_from(samples.div_ceil(WAV_BYTES_PER_TOKEN)).unwrap_or(u64::MAX)
        }
        _ => part["text"].as_str().map_or(0, |text| encoding.count(text)),
    }
}

/// An image of gpt-4o's: a PNG in a `data:` URL says its size (OpenAI's guide "Images and vision").
fn image(url: &Value, detail: &Value) -> u64 {
    if detail == "low" {
        return TOKENS_PER_IMAGE;
    }
    let url = url.as_str().unwrap_or_default();
    let png = url.strip_prefix("data:image/png;base64,").map(decoded);
    let number = |file: &[u8], at: usize| {
        let bytes = file.get(at..at + 4)?.try_into().ok()?;
        Some(f64::from(u32::from_be_bytes(bytes)))
    };
    let size = png.and_then(|file| Some((number(&file, 16)?, number(&file, 20)?)));
    let tiles = size.map_or(TILES_OF_UNKNOWN, |(width, height)| {
        let first = (2048.0 / width.max(height)).min(1.0);
        let second = (768.0 / (width.min(height) * first)).min(1.0);
        let tiles = |side: f64| (side * first * second / 512.0).ceil();
        format!("{:.0}", tiles(width) * tiles(height))
            .parse()
            .unwrap_or(0)
    });
    TOKENS_PER_IMAGE + TOKENS_PER_TILE * tiles
}

fn decoded(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap_or_default()
}

fn tools(body: &Value, encoding: Encoding) -> u64 {
    let tools = &body["tools"];
    match tools.as_array() {
        Some(list) if !list.is_empty() => encoding.count(tools.to_string().as_str()),
        _ => 0,
    }
}

fn last_of_user(messages: &[Value]) -> String {
    let last = messages.iter().rev().find(|one| one["role"] == "user");
    match last.map(|message| &message["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The example of OpenAI's cookbook, whose count the service confirmed.
    #[test]
    fn the_cookbooks_conversation_has_its_known_count() {
        let message = |role: &str, name: Option<&str>, content: &str| match name {
            Some(name) => json!({"role": role, "name": name, "content": content}),
            None => json!({"role": role, "content": content}),
        };
        let body = json!({"messages": [
            message("system", None, "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."),
            message("system", Some("example_user"), "New synergies will help drive top-line growth."),
            message("system", Some("example_assistant"), "Things working well together will increase revenue."),
            message("system", Some("example_user"), "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."),
            message("system", Some("example_assistant"), "Let's talk later when we're less busy about how to do better."),
            message("user", None, "This late pivot means we don't have time to boil the ocean for the client deliverable."),
        ]});
        assert_eq!(chat(&body, Encoding::Cl100k).tokens, 129, "gpt-4-0613");
        assert_eq!(chat(&body, Encoding::O200k).tokens, 124, "gpt-4o");
    }

    #[test]
    fn parts_of_a_message_count_as_their_text() {
        let plain = json!({"messages": [{"role": "user", "content": "Hello there"}]});
        let parts = json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "Hello"}, {"type": "text", "text": " there"}
        ]}]});
        let count = |body| chat(body, Encoding::O200k).tokens;
        assert_eq!(count(&parts), count(&plain));
    }

    #[test]
    fn prompts_may_be_tokens() {
        let tokens = json!({"prompt": [[1, 2, 3], [4]]});
        assert_eq!(completion(&tokens, Encoding::Cl100k).tokens, 4);
        let flat = json!({"prompt": [1, 2, 3]});
        assert_eq!(texts(&flat["prompt"]), [Text::Tokens(vec![1, 2, 3])]);
    }
}
