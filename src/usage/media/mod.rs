//! Images and audio in a prompt: what they cost by the published formulas, where the service says nothing.
//!
//! Only the beginnings of their files are read: an image says its size there, a recording its rate.

mod audio;
mod image;
mod payloads;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub(super) use payloads::without_payloads;

/// How much of a file is decoded, in characters of Base64: a JPEG can have a preview before its size.
const MAX_HEAD_CHARS: usize = 64 * 1024;

/// Tokens of the media in a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MediaTokens {
    pub(super) images: u64,
    pub(super) audio: u64,
}

/// The media of a chat's `messages` or of a response's `input`.
pub(super) fn tokens(model: &str, items: Option<&Value>) -> MediaTokens {
    let items = items.and_then(Value::as_array).map(Vec::as_slice);
    let items = items.unwrap_or_default();
    let contents = items.iter().filter_map(|item| item.get("content"));
    let parts = contents.filter_map(Value::as_array).flatten();
    let mut found = MediaTokens::default();
    for part in parts {
        let kind = part.get("type").and_then(Value::as_str);
        match kind.unwrap_or_default() {
            "image_url" => {
                let image = part.get("image_url");
                let url = image.and_then(|it| it.get("url"));
                let detail = image.and_then(|it| it.get("detail"));
                let image = image_tokens(model, url, detail);
                found.images = found.images.saturating_add(image);
            }
            "input_image" => {
                let image = image_tokens(model, part.get("image_url"), part.get("detail"));
                found.images = found.images.saturating_add(image);
            }
            "input_audio" => {
                let recording = part.get("input_audio").and_then(|it| it.get("data"));
                let recording = recording.and_then(Value::as_str).unwrap_or_default();
                let audio = audio_tokens(recording);
                found.audio = found.audio.saturating_add(audio);
            }
            _ => {}
        }
    }
    found
}

fn image_tokens(model: &str, url: Option<&Value>, detail: Option<&Value>) -> u64 {
    let url = url.and_then(Value::as_str).unwrap_or_default();
    let size = url.strip_prefix("data:").and_then(|url| {
        let (_, data) = url.split_once(";base64,")?;
        image::size(&File::read(data).head)
    });
    let is_low = detail.and_then(Value::as_str) == Some("low");
    image::tokens(model, size, is_low)
}

fn audio_tokens(data: &str) -> u64 {
    let file = File::read(data);
    audio::tokens(audio::length_ms(&file.head, file.bytes))
}

/// A file as it stands in a body.
struct File {
    /// Its first bytes.
    head: Vec<u8>,
    /// How long it is.
    bytes: u64,
}

impl File {
    fn read(data: &str) -> Self {
        let (data, chars) = payloads::whole_length(data);
        let head = data
            .get(..MAX_HEAD_CHARS)
            .unwrap_or(data)
            .trim_end_matches('=');
        let whole = head.get(..head.len() - head.len() % 4).unwrap_or_default();
        let chars = u64::try_from(chars).unwrap_or(u64::MAX);
        Self {
            head: STANDARD.decode(whole).unwrap_or_default(),
            bytes: (chars / 4).saturating_mul(3),
        }
    }
}

/// Reads the head of an image and of a recording: for the fuzzer.
#[doc(hidden)]
pub fn probe_media(file: &[u8]) -> bool {
    let bytes = u64::try_from(file.len()).unwrap_or(u64::MAX);
    let size = image::size(file);
    let _ = image::tokens("gpt-4o", size, false);
    let length = audio::length_ms(file, bytes);
    let _ = audio::tokens(length);
    size.is_some() || audio::is_known(file)
}

#[cfg(test)]
mod tests;
