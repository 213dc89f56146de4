//! One request's prompt and answer, kept as they come until it has ended.

use std::sync::Arc;

use serde_json::Value;

use super::answer;
use super::cut::cut;
use super::redact::Redactor;
use super::room::{Room, Taken};
use super::rules::ContentRules;
use crate::usage::{BodyFormat, data_of_events};

/// Most bytes that are kept of each of both until they are read; a stream has up to 200 for a word.
const MAX_KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Why there is nothing of a prompt or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It is a form, an image, a recording, or vectors.
    NotText,
    /// It is longer than what is kept.
    TooLarge,
    /// It has not come, or is not whole.
    Incomplete,
}

impl LeftOut {
    /// The word for it in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotText => "not_text",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
        }
    }
}

/// A prompt or an answer as it may be seen.
pub type Part = Result<Value, LeftOut>;

/// What may be seen of a request.
#[derive(Debug, PartialEq)]
pub struct Content {
    /// The prompt.
    pub request: Part,
    /// The answer.
    pub response: Part,
    /// How often something was taken out of both.
    pub redactions: u64,
    /// Something is missing at the end of one of them.
    pub is_cut: bool,
}

/// What is kept of one request.
pub struct Capture {
    rules: Arc<ContentRules>,
    taken: Taken,
    request: Result<Vec<u8>, LeftOut>,
    format: Option<BodyFormat>,
    response: Vec<u8>,
    /// More has come than is kept.
    is_longer: bool,
}

impl Capture {
    /// Begins with a request's body, where it is JSON; `None` where there is no room.
    pub fn new(rules: &Arc<ContentRules>, room: &Room, body: Option<&[u8]>) -> Option<Self> {
        let mut taken = room.taken();
        let request = match body {
            None => Err(LeftOut::NotText),
            Some(body) if body.len() > MAX_KEPT_BYTES => Err(LeftOut::TooLarge),
            Some(body) => Ok(taken.add(body.len()).then(|| body.to_vec())?),
        };
        Some(Self {
            rules: Arc::clone(rules),
            taken,
            request,
            format: None,
            response: Vec::new(),
            is_longer: false,
        })
    }

    /// The answer begins; `None` where it is not read.
    pub fn answered(&mut self, format: Option<BodyFormat>) {
        self.format = format.filter(|it| *it != BodyFormat::Opaque);
    }

    /// The next piece of the answer.
    pub fn feed(&mut self, piece: &[u8]) {
        if self.format.is_none() || self.is_longer {
            return;
        }
        let has_room = self.response.len() + piece.len() <= MAX_KEPT_BYTES;
        match has_room && self.taken.add(piece.len()) {
            true => self.response.extend_from_slice(piece),
            false => self.is_longer = true,
        }
    }

    /// The end: what may be seen of both.
    pub fn finish(self) -> Content {
        let request = self.request.and_then(|body| json(&body));
        let response = match self.format {
            None => Err(LeftOut::NotText),
            Some(BodyFormat::EventStream) => Ok(answer::of_events(
                data_of_events(&self.response).into_iter(),
            )),
            Some(_) if self.is_longer => Err(LeftOut::TooLarge),
            Some(_) => json(&self.response),
        };
        let mut redactor = Redactor::new(&self.rules);
        let mut is_cut = self.is_longer;
        let mut seen = |part: Part| {
            let mut document = redactor.document(part?);
            is_cut |= cut(&mut document, self.rules.max_bytes);
            Ok(document)
        };
        let (request, response) = (seen(request), seen(response));
        Content {
            request,
            response,
            redactions: redactor.count,
            is_cut,
        }
    }
}

fn json(body: &[u8]) -> Part {
    serde_json::from_slice(body).map_err(|_| LeftOut::Incomplete)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::content::Redaction;

    fn rules() -> Arc<ContentRules> {
        Arc::new(ContentRules {
            max_bytes: 1000,
            redactions: vec![Redaction::new("word", "secret-[a-z]+").expect("a pattern")],
        })
    }

    fn capture(body: &[u8], format: BodyFormat, pieces: &[&str]) -> Content {
        let captured = Capture::new(&rules(), &Room::default(), Some(body));
        let mut captured = captured.expect("room");
        captured.answered(Some(format));
        for piece in pieces {
            captured.feed(piece.as_bytes());
        }
        captured.finish()
    }

    #[test]
    fn a_pattern_is_found_across_the_pieces_of_a_stream() {
        let pieces = [
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"secr",
            "\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"et-wo\"}}]}\r\n\r\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"rd\"}}]}\n\ndata: [DONE]",
        ];
        let content = capture(br#"{"a":"secret-a"}"#, BodyFormat::EventStream, &pieces);
        assert_eq!(
            content,
            Content {
                request: Ok(json!({"a": "[word]"})),
                response: Ok(json!({"parts": [{"index": 0, "content": "[word]"}]})),
                redactions: 2,
                is_cut: false,
            }
        );
    }

    #[test]
    fn a_text_is_cut_after_it_was_redacted() {
        let mut text = "x ".repeat(494);
        text.push_str("secret-word");
        let body = json!({ "a": text }).to_string();
        let content = capture(body.as_bytes(), BodyFormat::Json, &["{}"]);
        let shown = content.request.expect("a prompt").to_string();
        assert!(content.is_cut && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn what_is_not_there_says_why() {
        let long = vec![b' '; MAX_KEPT_BYTES + 1];
        let content = capture(&long, BodyFormat::Json, &["{\"a\":", "1"]);
        assert_eq!(content.request, Err(LeftOut::TooLarge));
        assert_eq!(content.response, Err(LeftOut::Incomplete));
        let none = Capture::new(&rules(), &Room::default(), None).expect("room");
        let content = none.finish();
        assert_eq!(content.request, Err(LeftOut::NotText));
        assert_eq!(content.response, Err(LeftOut::NotText));
    }

    #[test]
    fn room_is_shared_and_given_back() {
        let room = Room::of(10);
        let first = Capture::new(&rules(), &room, Some(b"{\"a\":12}")).expect("room");
        assert!(Capture::new(&rules(), &room, Some(b"{\"a\":12}")).is_none());
        let mut small = Capture::new(&rules(), &room, Some(b"{}")).expect("room");
        small.answered(Some(BodyFormat::EventStream));
        small.feed(b"data: {}\n\n");
        assert!(small.finish().is_cut, "no room for the answer");
        drop(first);
        assert!(Capture::new(&rules(), &room, Some(b"{\"a\":12}")).is_some());
    }
}
