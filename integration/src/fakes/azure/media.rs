//! Images and audio: requests of JSON or forms, answers of JSON, events, text or bytes.
//!
//! What is billed follows from the request: a form's file of N bytes is N milliseconds of audio, and
//! its tokens are ten a second. The shapes are those of
//! <https://platform.openai.com/docs/api-reference/images> and
//! <https://platform.openai.com/docs/api-reference/audio>.

use super::errors::ApiError;
use super::ledger::{Bill, Tokens, Units};
use super::plan::{Beat, Plan};
use super::reply::Said;
use super::route::Operation;
use super::script::{Fault, Script};
use super::tokenizer::Encoding;
use super::wire::Event;
use crate::fakes::unique::unix_seconds;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Value, json};
use std::collections::HashMap;

/// What an image of the fake costs.
const TOKENS_PER_IMAGE: u64 = 272;
/// A picture, for whoever looks.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n and no more of it";
/// What the fake hears in whatever it is given.
const HEARD: &str = "Write down what you expect before you try it. 🙂";

/// A request, whichever form it has.
pub(super) struct Request {
    fields: HashMap<String, String>,
    file_bytes: usize,
}

impl Request {
    /// Reads a body.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        let content_type = headers.get("content-type").and_then(|it| it.to_str().ok());
        match content_type.and_then(|it| it.strip_prefix("multipart/form-data; boundary=")) {
            Some(boundary) => Ok(Self::of_form(boundary, body)),
            None => Self::of_json(body),
        }
    }

    fn of_json(body: &[u8]) -> Result<Self, ApiError> {
        let body: HashMap<String, Value> =
            serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()))?;
        let shown = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let fields = body.into_iter().map(|(name, value)| (name, shown(value)));
        Ok(Self {
            fields: fields.collect(),
            file_bytes: 0,
        })
    }

    /// Reads a form in the way of many servers: leniently.
    fn of_form(boundary: &str, body: &[u8]) -> Self {
        let mut request = Self {
            fields: HashMap::new(),
            file_bytes: 0,
        };
        for (name, is_file, content) in super::objects::parts(boundary, body) {
            match is_file {
                true => request.file_bytes += content.len(),
                false => {
                    let text = String::from_utf8_lossy(content).into_owned();
                    request.fields.insert(name, text);
                }
            }
        }
        request
    }

    /// A field.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.fields.get(name).cloned()
    }

    /// Whether the answer is a stream.
    pub(super) fn streams(&self) -> bool {
        let asks = |name: &str, value: &str| self.fields.get(name).is_some_and(|it| it == value);
        asks("stream", "true") || asks("stream_format", "sse")
    }

    fn count(&self, name: &str) -> u64 {
        let text = self.text(name).unwrap_or_default();
        Encoding::of("gpt-4o").count(&text)
    }
}

/// Answers, and puts it on the bill.
pub(super) fn answer(
    operation: Operation,
    model: &str,
    request: &Request,
    script: &Script,
    bill: &mut Bill,
) -> Result<Said, ApiError> {
    match operation {
        Operation::ImagesGenerations | Operation::ImagesEdits => {
            images(operation, model, request, script, bill)
        }
        Operation::Speech => speech(model, request, bill),
        _ => Ok(heard(model, request, script, bill)),
    }
}

fn images(
    operation: Operation,
    model: &str,
    request: &Request,
    script: &Script,
    bill: &mut Bill,
) -> Result<Said, ApiError> {
    let prompt = request
        .text("prompt")
        .ok_or_else(|| ApiError::invalid("'prompt' is a required property"))?;
    let images = request
        .text("n")
        .and_then(|it| it.parse().ok())
        .unwrap_or(1);
    let units = Units {
        images,
        ..Units::default()
    };
    bill.note(|entry| entry.units = units);
    let size = request.text("size").unwrap_or_else(|| "1024x1024".into());
    if model.contains("dall") {
        let image = json!({"url": "https://example.invalid/image.png", "revised_prompt": prompt});
        let data = vec![image; usize::try_from(images).unwrap_or(1)];
        let body = json!({"created": unix_seconds(), "data": data});
        return Ok(Said::Json(body.to_string()));
    }
    let text_tokens = request.count("prompt");
    let image_tokens = match operation {
        Operation::ImagesEdits => TOKENS_PER_IMAGE,
        _ => 0,
    };
    let tokens = Tokens {
        prompt: text_tokens + image_tokens,
        completion: images * TOKENS_PER_IMAGE,
        ..Tokens::default()
    };
    let usage = json!({
        "total_tokens": tokens.prompt + tokens.completion,
        "input_tokens": tokens.prompt,
        "output_tokens": tokens.completion,
        "input_tokens_details": {"text_tokens": text_tokens, "image_tokens": image_tokens},
    });
    let picture = STANDARD.encode(PIXEL.repeat(script.event_bytes / PIXEL.len() + 1));
    let quality = request.text("quality").unwrap_or_else(|| "low".into());
    if request.streams() {
        let kind = match operation {
            Operation::ImagesEdits => "image_edit",
            _ => "image_generation",
        };
        let event = |name: &'static str, data: Value| Event {
            name: Some(name),
            data: data.to_string(),
        };
        let partial = json!({"type": format!("{kind}.partial_image"), "b64_json": picture, "partial_image_index": 0});
        let done = json!({"type": format!("{kind}.completed"), "b64_json": picture, "size": size, "quality": quality, "usage": usage});
        let (first, last) = match operation {
            Operation::ImagesEdits => ("image_edit.partial_image", "image_edit.completed"),
            _ => (
                "image_generation.partial_image",
                "image_generation.completed",
            ),
        };
        let mut beats = vec![Beat::free(event(first, partial))];
        let drops = script.fault == Some(Fault::DropMidStream);
        if !drops {
            let event = event(last, done);
            beats.push(Beat { event, tokens });
        }
        return Ok(Said::Stream(Plan {
            beats,
            abort: drops,
        }));
    }
    bill.add(tokens);
    let data = vec![json!({"b64_json": picture}); usize::try_from(images).unwrap_or(1)];
    let body = json!({
        "created": unix_seconds(), "background": "opaque", "data": data, "output_format": "png",
        "quality": quality, "size": size, "usage": usage,
    });
    Ok(Said::Json(body.to_string()))
}

fn speech(model: &str, request: &Request, bill: &mut Bill) -> Result<Said, ApiError> {
    let input = request
        .text("input")
        .ok_or_else(|| ApiError::invalid("'input' is a required property"))?;
    let characters = u64::try_from(input.chars().count()).unwrap_or(u64::MAX);
    bill.note(|entry| entry.units.characters = characters);
    if !request.streams() {
        return Ok(Said::Bytes("audio/mpeg", input.repeat(64).into_bytes()));
    }
    let tokens = Tokens {
        prompt: request.count("input"),
        completion: characters,
        ..Tokens::default()
    };
    let usage = json!({"input_tokens": tokens.prompt, "output_tokens": tokens.completion, "total_tokens": tokens.prompt + tokens.completion});
    let audio = json!({"type": "speech.audio.delta", "audio": STANDARD.encode(&input)});
    let done = json!({"type": "speech.audio.done", "usage": usage, "model": model});
    Ok(Said::Stream(Plan {
        beats: vec![
            Beat::free(Event::data(audio.to_string())),
            Beat {
                event: Event::data(done.to_string()),
                tokens,
            },
        ],
        abort: false,
    }))
}

/// A transcription or a translation.
fn heard(model: &str, request: &Request, script: &Script, bill: &mut Bill) -> Said {
    let audio_ms = u64::try_from(request.file_bytes).unwrap_or(u64::MAX);
    let seconds = std::time::Duration::from_millis(audio_ms).as_secs_f64();
    bill.note(|entry| entry.units.audio_ms = audio_ms);
    let format = request.text("response_format");
    match format.as_deref() {
        Some("text") => return Said::Bytes("text/plain; charset=utf-8", HEARD.into()),
        Some("verbose_json") => {
            let body = json!({"task": "transcribe", "language": "english", "duration": seconds, "text": HEARD, "segments": []});
            return Said::Json(body.to_string());
        }
        _ => {}
    }
    if model.contains("whisper") {
        return Said::Json(json!({"text": HEARD}).to_string());
    }
    let (audio, text) = (audio_ms.div_ceil(100), request.count("prompt"));
    let tokens = Tokens {
        prompt: audio + text,
        audio_prompt: audio,
        completion: Encoding::of(model).count(HEARD),
        ..Tokens::default()
    };
    let usage = json!({
        "type": "tokens", "total_tokens": tokens.prompt + tokens.completion,
        "input_tokens": tokens.prompt,
        "input_token_details": {"text_tokens": text, "audio_tokens": audio},
        "output_tokens": tokens.completion,
    });
    if !request.streams() {
        bill.add(tokens);
        return Said::Json(json!({"text": HEARD, "usage": usage}).to_string());
    }
    let pieces = Encoding::of(model).pieces(HEARD);
    let delta = |(piece, _): &(String, u64)| {
        let data = json!({"type": "transcript.text.delta", "delta": piece});
        Beat::free(Event::data(data.to_string()))
    };
    let drops = script.fault == Some(Fault::DropMidStream);
    let shown = if drops {
        pieces.len() / 2
    } else {
        pieces.len()
    };
    let mut beats: Vec<_> = pieces.iter().take(shown).map(delta).collect();
    if !drops {
        let done = json!({"type": "transcript.text.done", "text": HEARD, "usage": usage});
        let event = Event::data(done.to_string());
        beats.push(Beat { event, tokens });
    }
    Said::Stream(Plan {
        beats,
        abort: drops,
    })
}
