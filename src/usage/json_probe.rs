//! Finds a few members of a JSON document as it goes by, in pieces of any size.
//!
//! The document itself is never held: only the values at the paths below, each bounded. Only a
//! member at its own place counts. A caller's text can contain `"usage":{…}` at any depth and in
//! any string, and must not be taken for it.
//!
//! ```text
//! id  model  usage  choices  choices[].finish_reason  system_fingerprint     ; completions, embeddings
//! [response.] ( id  model  usage  status  incomplete_details.reason  error.code )   ; responses
//! [response.] service_tier                                                  ; both
//! data[]  type  size  quality                                               ; images
//! duration                                                                  ; transcriptions
//! output_file_id  error_file_id                                             ; batches
//! response.body.( model  usage )                                            ; lines of a batch's output
//! ( item  output[]  response.output[]  data[] ) ( .id  .container_id )      ; what responses store
//! error.code                                                                ; failures
//! ```

use memchr::memchr2;

use super::found::Found;
use super::tokens::{audio_ms_from_duration, audio_ms_from_usage};
use super::{FinishReason, TokenCounts};
use crate::access::ObjectKind;

/// Longest member name that can matter; `incomplete_details` is one of the longest.
const MAX_KEY_BYTES: usize = 18;
/// Longest `usage` that is read; real ones have about 300 bytes.
const MAX_USAGE_BYTES: usize = 16 * 1024;
/// Longest id, model or code that is read.
const MAX_NAME_BYTES: usize = 256;
/// Longest id of a stored thing, with its quotes. Azure's have about 60 bytes.
const MAX_SHOWN_BYTES: usize = 256 + 2;
/// Enough of `choices` to see whether it is `[]`.
const MAX_CHOICES_BYTES: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Model,
    Usage,
    Choices,
    ErrorCode,
    SystemFingerprint,
    ServiceTier,
    FinishReason,
    Status,
    IncompleteReason,
    Duration,
    Size,
    Quality,
    Kind,
    /// The id of something that the service stores.
    Shown(ObjectKind),
}

impl Field {
    const fn max_bytes(self) -> usize {
        match self {
            Self::Usage => MAX_USAGE_BYTES,
            Self::Choices => MAX_CHOICES_BYTES,
            Self::Shown(_) => MAX_SHOWN_BYTES,
            _ => MAX_NAME_BYTES,
        }
    }

    /// What a member of a followed object is, if it matters.
    fn named(scope: Scope, key: &[u8]) -> Option<Self> {
        let field = match (scope, key) {
            (Scope::Top | Scope::Response, b"id") => Self::Id,
            (Scope::Top | Scope::Response | Scope::LineBody, b"model") => Self::Model,
            (Scope::Top | Scope::Response | Scope::LineBody, b"usage") => Self::Usage,
            (Scope::Top | Scope::Response, b"status") => Self::Status,
            (Scope::Top | Scope::Response, b"service_tier") => Self::ServiceTier,
            (Scope::Top, b"choices") => Self::Choices,
            (Scope::Top, b"system_fingerprint") => Self::SystemFingerprint,
            (Scope::Top, b"duration") => Self::Duration,
            (Scope::Top, b"size") => Self::Size,
            (Scope::Top, b"quality") => Self::Quality,
            (Scope::Top, b"type") => Self::Kind,
            (Scope::Top, b"output_file_id" | b"error_file_id") => Self::Shown(ObjectKind::File),
            (Scope::Item | Scope::Listed | Scope::ResponseListed, b"id") => {
                Self::Shown(ObjectKind::Item)
            }
            (Scope::Item | Scope::Listed | Scope::ResponseListed, b"container_id") => {
                Self::Shown(ObjectKind::Container)
            }
            (Scope::Error | Scope::ResponseError, b"code") => Self::ErrorCode,
            (Scope::Incomplete | Scope::ResponseIncomplete, b"reason") => Self::IncompleteReason,
            (Scope::Choice, b"finish_reason") => Self::FinishReason,
            _ => return None,
        };
        Some(field)
    }
}

/// The object whose members matter just now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Top,
    Response,
    Error,
    Incomplete,
    ResponseError,
    ResponseIncomplete,
    Choice,
    /// An item of the output that an event is about.
    Item,
    /// An item of the output or input of a response.
    Listed,
    /// The same in an event.
    ResponseListed,
    /// A line of a batch's output.
    Line,
    /// Its `response`.
    LineResponse,
    /// The answer in it.
    LineBody,
}

impl Scope {
    /// How deep its members are.
    const fn depth(self) -> usize {
        match self {
            Self::Top | Self::Line => 1,
            Self::LineResponse | Self::Response | Self::Error | Self::Incomplete | Self::Item => 2,
            Self::ResponseError
            | Self::ResponseIncomplete
            | Self::Choice
            | Self::Listed
            | Self::LineBody => 3,
            Self::ResponseListed => 4,
        }
    }

    const fn parent(self) -> Self {
        match self {
            Self::ResponseError | Self::ResponseIncomplete | Self::ResponseListed => Self::Response,
            Self::LineBody => Self::LineResponse,
            Self::LineResponse => Self::Line,
            _ => Self::Top,
        }
    }

    /// The object that a member of this one has for its value, if it matters.
    fn child(self, key: &[u8]) -> Option<Self> {
        match (self, key) {
            (Self::Top, b"response") => Some(Self::Response),
            (Self::Top, b"error") => Some(Self::Error),
            (Self::Top, b"incomplete_details") => Some(Self::Incomplete),
            (Self::Top, b"item") => Some(Self::Item),
            (Self::Response, b"error") => Some(Self::ResponseError),
            (Self::Line, b"response") => Some(Self::LineResponse),
            (Self::LineResponse, b"body") => Some(Self::LineBody),
            (Self::Response, b"incomplete_details") => Some(Self::ResponseIncomplete),
            _ => None,
        }
    }
}

/// A list whose objects matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Choices,
    /// Images, or the input of a response.
    Data,
    Output,
    ResponseOutput,
}

impl List {
    /// The list that a member of a followed object has for its value, if it matters.
    fn named(scope: Scope, key: &[u8]) -> Option<Self> {
        match (scope, key) {
            (Scope::Top, b"choices") => Some(Self::Choices),
            (Scope::Top, b"data") => Some(Self::Data),
            (Scope::Top, b"output") => Some(Self::Output),
            (Scope::Response, b"output") => Some(Self::ResponseOutput),
            _ => None,
        }
    }

    /// How deep it is.
    const fn depth(self) -> usize {
        self.objects().depth() - 2
    }

    /// What its objects are.
    const fn objects(self) -> Scope {
        match self {
            Self::Choices => Scope::Choice,
            Self::Data | Self::Output => Scope::Listed,
            Self::ResponseOutput => Scope::ResponseListed,
        }
    }
}

/// Where in a followed object the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
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
    /// What the document is.
    root: Scope,
    scope: Scope,
    list: Option<List>,
    position: Position,
    text: Text,
    key: Vec<u8>,
    capture: Option<(Field, Vec<u8>)>,
    found: Found,
}

impl Default for JsonProbe {
    fn default() -> Self {
        Self {
            depth: 0,
            root: Scope::Top,
            scope: Scope::Top,
            list: None,
            position: Position::InValue,
            text: Text::Outside,
            key: Vec::new(),
            capture: None,
            found: Found::default(),
        }
    }
}

impl JsonProbe {
    /// For a line of a batch's output.
    pub(super) fn of_batch_line() -> Self {
        Self {
            root: Scope::Line,
            scope: Scope::Line,
            ..Self::default()
        }
    }

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

    /// Takes the ids of stored things that have been shown since the last time.
    pub(super) fn take_shown(&mut self) -> Vec<(ObjectKind, String)> {
        self.found.shown.take()
    }

    /// Takes what was found.
    pub(super) fn into_found(self) -> Found {
        self.found
    }

    /// Skips to the end of the string, or to an escape that the bytes cut in two.
    fn inside<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut from = 0;
        let end = loop {
            let rest = bytes.get(from..).unwrap_or_default();
            let Some(at) = memchr2(b'"', b'\\', rest).map(|at| from + at) else {
                self.keep(bytes);
                return &[];
            };
            if bytes.get(at) == Some(&b'"') {
                break at;
            }
            if at + 1 == bytes.len() {
                self.text = Text::Escaped;
                self.keep(bytes);
                return &[];
            }
            from = at + 2;
        };
        let (head, tail) = bytes.split_at(end);
        self.keep(head);
        self.text = Text::Outside;
        if self.position == Position::InKey {
            self.position = Position::AfterKey;
        } else {
            self.keep(b"\"");
            if self.is_followed() {
                // At once: the client may have the value, and no byte after it.
                self.end_value();
            }
        }
        tail.get(1..).unwrap_or_default()
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.text = Text::Inside;
                if self.is_followed() && self.position == Position::BeforeKey {
                    self.position = Position::InKey;
                    self.key.clear();
                } else {
                    self.keep(&[byte]);
                }
            }
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close(byte),
            b':' if self.is_followed() && self.position == Position::AfterKey => self.start_value(),
            b',' if self.is_followed() && self.position == Position::InValue => {
                self.end_value();
                self.position = Position::BeforeKey;
            }
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => self.keep(&[byte]),
        }
    }

    /// Whether the bytes at this depth are members of the followed object.
    fn is_followed(&self) -> bool {
        self.depth == self.scope.depth()
    }

    fn open(&mut self, byte: u8) {
        let in_value = self.is_followed() && self.position == Position::InValue;
        let scope = match self.list {
            _ if self.depth == 0 => Some(self.root),
            Some(list) if self.depth == list.depth() + 1 => {
                let is_image = list == List::Data && byte == b'{';
                self.found.images += u64::from(is_image);
                Some(list.objects())
            }
            _ if in_value => self.scope.child(&self.key),
            _ => None,
        };
        if in_value && byte == b'[' {
            self.list = List::named(self.scope, &self.key).or(self.list);
        }
        self.keep(&[byte]);
        self.depth += 1;
        if let (Some(scope), b'{') = (scope, byte) {
            self.scope = scope;
            self.position = Position::BeforeKey;
        }
    }

    fn close(&mut self, byte: u8) {
        if self.is_followed() {
            self.end_value();
            self.scope = self.scope.parent();
            self.position = Position::InValue;
            self.key.clear();
        } else {
            self.keep(&[byte]);
        }
        self.depth = self.depth.saturating_sub(1);
        if self.list.is_some_and(|list| self.depth == list.depth()) {
            self.list = None;
        }
    }

    fn start_value(&mut self) {
        self.position = Position::InValue;
        self.capture = Field::named(self.scope, &self.key).map(|field| (field, Vec::new()));
    }

    fn end_value(&mut self) {
        let Some((field, value)) = self.capture.take() else {
            return;
        };
        let found = &mut self.found;
        match field {
            Field::Usage => {
                found.usage = TokenCounts::from_wire(&value).or(found.usage);
                if let Some(audio_ms) = audio_ms_from_usage(&value) {
                    found.has_audio_usage = true;
                    found.audio_ms = Some(audio_ms);
                }
            }
            Field::Choices => found.has_empty_choices = value == b"[]",
            Field::Duration => {
                found.audio_ms = found.audio_ms.or_else(|| audio_ms_from_duration(&value));
            }
            Field::FinishReason => {
                if let Some(reason) = name(&value) {
                    found.finished(FinishReason::from_wire(&reason));
                }
            }
            Field::IncompleteReason => {
                found.incomplete = name(&value).map(|it| FinishReason::from_wire(&it));
            }
            Field::Id => set_name(&mut found.id, &value),
            Field::Model => set_name(&mut found.model, &value),
            Field::ErrorCode => set_name(&mut found.error_code, &value),
            Field::SystemFingerprint => set_name(&mut found.system_fingerprint, &value),
            Field::ServiceTier => set_name(&mut found.service_tier, &value),
            Field::Status => set_name(&mut found.status, &value),
            Field::Size => set_name(&mut found.size, &value),
            Field::Quality => set_name(&mut found.quality, &value),
            Field::Kind => set_name(&mut found.kind, &value),
            Field::Shown(kind) => {
                if let Some(id) = name(&value) {
                    found.shown.add(kind, id);
                }
            }
        }
    }

    /// Keeps bytes of a key or of a value that matters, as far as they may be long.
    fn keep(&mut self, bytes: &[u8]) {
        if self.position == Position::InKey {
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
fn name(value: &[u8]) -> Option<String> {
    let text = serde_json::from_slice::<String>(value).ok()?;
    (!text.is_empty()).then_some(text)
}

fn set_name(known: &mut Option<String>, value: &[u8]) {
    if let Some(name) = name(value) {
        *known = Some(name);
    }
}

#[cfg(test)]
mod tests;
