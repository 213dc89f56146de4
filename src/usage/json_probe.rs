//! Finds a few members of a JSON document as it goes by, in pieces of any size.
//!
//! The document itself is never held: only the values at the paths below, each bounded. Only a
//! member at its own place counts. A caller's text can contain `"usage":{…}` at any depth and in
//! any string, and must not be taken for it.
//!
//! ```text
//! id  model  usage  choices                ; chat completions, completions, embeddings, responses
//! response.id  response.model  response.usage   ; events of the responses API
//! error.code                               ; failures
//! ```

use memchr::memchr2;

use super::TokenCounts;

/// Longest member name that can matter; `response` is the longest.
const MAX_KEY_BYTES: usize = 8;
/// Longest `usage` that is read; real ones have about 300 bytes.
const MAX_USAGE_BYTES: usize = 16 * 1024;
/// Longest id, model or code that is read.
const MAX_NAME_BYTES: usize = 256;
/// Enough of `choices` to see whether it is `[]`.
const MAX_CHOICES_BYTES: usize = 16;

/// What the probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) usage: Option<TokenCounts>,
    pub(super) error_code: Option<String>,
    /// `choices` is `[]`: with a `usage` this is the event that `include_usage` asks for.
    pub(super) has_empty_choices: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Model,
    Usage,
    Choices,
    ErrorCode,
}

impl Field {
    const fn max_bytes(self) -> usize {
        match self {
            Self::Usage => MAX_USAGE_BYTES,
            Self::Choices => MAX_CHOICES_BYTES,
            Self::Id | Self::Model | Self::ErrorCode => MAX_NAME_BYTES,
        }
    }
}

/// The object whose members matter just now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Top,
    Response,
    Error,
}

/// Where in a followed object the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeKey,
    InKey,
    AfterKey,
    InValue,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    Escaped,
}

/// The probe. Feed it a document, then take what it found.
pub(super) struct JsonProbe {
    depth: usize,
    scope: Scope,
    place: Place,
    text: Text,
    key: Vec<u8>,
    capture: Option<(Field, Vec<u8>)>,
    found: Found,
}

impl Default for JsonProbe {
    fn default() -> Self {
        Self {
            depth: 0,
            scope: Scope::Top,
            place: Place::InValue,
            text: Text::Outside,
            key: Vec::new(),
            capture: None,
            found: Found::default(),
        }
    }
}

impl JsonProbe {
    /// Reads on.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            bytes = match self.text {
                Text::Outside => {
                    self.outside(first);
                    rest
                }
                Text::Escaped => {
                    self.keep(&[first]);
                    self.text = Text::Inside;
                    rest
                }
                Text::Inside => self.inside(bytes),
            };
        }
    }

    /// What was found so far.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// Takes what was found.
    pub(super) fn into_found(self) -> Found {
        self.found
    }

    /// Skips to the end of the string or to the next escape.
    fn inside<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = memchr2(b'"', b'\\', bytes);
        let (head, tail) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.keep(head);
        let Some((&mark, rest)) = tail.split_first() else {
            return tail;
        };
        if mark == b'\\' {
            self.text = Text::Escaped;
            self.keep(&[mark]);
            return rest;
        }
        self.text = Text::Outside;
        if self.place == Place::InKey {
            self.place = Place::AfterKey;
        } else {
            self.keep(&[mark]);
        }
        rest
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.text = Text::Inside;
                if self.is_followed() && self.place == Place::BeforeKey {
                    self.place = Place::InKey;
                    self.key.clear();
                } else {
                    self.keep(&[byte]);
                }
            }
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close(byte),
            b':' if self.is_followed() && self.place == Place::AfterKey => self.start_value(),
            b',' if self.is_followed() && self.place == Place::InValue => {
                self.end_value();
                self.place = Place::BeforeKey;
            }
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => self.keep(&[byte]),
        }
    }

    /// Whether the bytes at this depth are members of the followed object.
    fn is_followed(&self) -> bool {
        match self.scope {
            Scope::Top => self.depth == 1,
            Scope::Response | Scope::Error => self.depth == 2,
        }
    }

    fn open(&mut self, byte: u8) {
        let scope = match self.depth {
            0 => Some(Scope::Top),
            1 if self.place == Place::InValue => match self.key.as_slice() {
                b"response" => Some(Scope::Response),
                b"error" => Some(Scope::Error),
                _ => None,
            },
            _ => None,
        };
        self.keep(&[byte]);
        self.depth += 1;
        if let (Some(scope), b'{') = (scope, byte) {
            self.scope = scope;
            self.place = Place::BeforeKey;
        }
    }

    fn close(&mut self, byte: u8) {
        if self.is_followed() {
            self.end_value();
            self.scope = Scope::Top;
            self.place = Place::InValue;
            self.key.clear();
        } else {
            self.keep(&[byte]);
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn start_value(&mut self) {
        self.place = Place::InValue;
        let field = match (self.scope, self.key.as_slice()) {
            (Scope::Top | Scope::Response, b"id") => Field::Id,
            (Scope::Top | Scope::Response, b"model") => Field::Model,
            (Scope::Top | Scope::Response, b"usage") => Field::Usage,
            (Scope::Top, b"choices") => Field::Choices,
            (Scope::Error, b"code") => Field::ErrorCode,
            _ => return,
        };
        self.capture = Some((field, Vec::new()));
    }

    fn end_value(&mut self) {
        let Some((field, value)) = self.capture.take() else {
            return;
        };
        match field {
            Field::Usage => {
                self.found.usage = TokenCounts::from_wire(&value).or(self.found.usage);
            }
            Field::Choices => self.found.has_empty_choices = value == b"[]",
            Field::Id => set_name(&mut self.found.id, &value),
            Field::Model => set_name(&mut self.found.model, &value),
            Field::ErrorCode => set_name(&mut self.found.error_code, &value),
        }
    }

    /// Keeps bytes of a key or of a value that matters, as far as they may be long.
    fn keep(&mut self, bytes: &[u8]) {
        if self.place == Place::InKey {
            // One byte too many is kept, so that a longer name is never equal to one of ours.
            let room = (MAX_KEY_BYTES + 1).saturating_sub(self.key.len());
            self.key
                .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            return;
        }
        let Some((field, value)) = &mut self.capture else {
            return;
        };
        if value.len() + bytes.len() > field.max_bytes() {
            self.capture = None;
        } else {
            value.extend_from_slice(bytes);
        }
    }
}

/// Reads a JSON string; an empty one says nothing.
fn set_name(name: &mut Option<String>, value: &[u8]) {
    match serde_json::from_slice::<String>(value) {
        Ok(text) if !text.is_empty() => *name = Some(text),
        _ => {}
    }
}

#[cfg(test)]
#[path = "json_probe_tests.rs"]
mod tests;
