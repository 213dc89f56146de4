//! Watches the body of an answer go by, takes the usage, and removes the usage event that the
//! gateway and not the client asked for.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::course::{Course, has_value, may_finish};
use super::found::Found;
use super::json_probe::JsonProbe;
use super::sse::{DataLines, EventEnds, may_be_usage_event};
use super::text::CollectedText;
use super::{FinishReason, TokenCounts, Units};
use crate::access::{ObjectKind, Operation, service_tier, word};

/// Longest event that is looked at whole. A longer one (the responses API embeds the answer in its
/// events) is read as it goes by, and is not a usage event that could have to be removed.
const MAX_WHOLE_EVENT_BYTES: usize = 64 * 1024;
/// How much of a JSON answer is kept for an estimate, should it be cut.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Operations whose answers are text that an estimate counts.
const COLLECTED: [Operation; 5] = [
    Operation::ChatCompletions,
    Operation::Completions,
    Operation::Responses,
    Operation::AudioTranscriptions,
    Operation::AudioTranslations,
];

/// `status` of responses and batches that go on
/// (<https://learn.microsoft.com/azure/ai-services/openai/how-to/batch>).
const PENDING: [&str; 5] = [
    "queued",
    "in_progress",
    "validating",
    "finalizing",
    "cancelling",
];

/// The kind of body that an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// `application/json`
    Json,
    /// `text/event-stream`
    EventStream,
    /// Anything else whose bytes are only counted: audio, plain text.
    Opaque,
}

/// What of a piece of the body is passed on to the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Released {
    /// The piece as it is.
    Unchanged,
    /// These bytes in its place.
    Replaced(Vec<u8>),
}

/// What the meter knows at the end.
#[derive(Debug, Default)]
pub struct Metered {
    /// What the service reported.
    pub counts: Option<TokenCounts>,
    /// The model that answered.
    pub model: Option<String>,
    /// The id of the answer.
    pub id: Option<String>,
    /// `error.code` of a failure.
    pub error_code: Option<String>,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// The response is made in the background, or the answer is a batch, and it is not over.
    pub is_pending: bool,
    /// `status` of a response or a batch, where it says one.
    pub status: Option<String>,
    /// `system_fingerprint`
    pub system_fingerprint: Option<String>,
    /// The service tier that answered, such as `priority`.
    pub service_tier: Option<String>,
    /// Images and audio, as the answer says them.
    pub units: Units,
    /// `usage` says a length of audio in place of tokens.
    pub has_audio_usage: bool,
    /// Ids of stored things that were shown and not taken by [`Meter::take_shown`].
    pub shown: Vec<(ObjectKind, String)>,
    /// Bytes of the body.
    pub bytes: u64,
    /// The text of the answer, as far as it came; collected only while no usage has.
    pub text: String,
    /// Bytes of the answer's text that were not kept.
    pub dropped_text_bytes: usize,
}

/// The meter of one answer.
pub struct Meter {
    operation: Operation,
    body: Body,
    found: Found,
    text: CollectedText,
    has_text: bool,
    hold: Option<Hold>,
    bytes: u64,
}

/// What is known of the end of a stream that will say its usage.
#[derive(Clone, Copy, Default)]
struct Hold {
    /// The answer has ended, as far as can be seen.
    has_ended: bool,
    /// An event that has begun shows that it has.
    is_ending: bool,
}

enum Body {
    Json { probe: JsonProbe, head: Vec<u8> },
    Events(Events),
    Opaque,
}

/// State of a stream of events.
#[derive(Default)]
struct Events {
    ends: EventEnds,
    /// The beginning of an event whose end has not come.
    partial: Vec<u8>,
    /// Reads an event that is too long to be kept.
    long: Option<(DataLines, JsonProbe)>,
    /// The usage event is removed; `None` leaves the stream as it is.
    removal: Option<Removal>,
}

#[derive(Default)]
struct Removal {
    /// How much of `partial` has gone to the client.
    released: usize,
    /// The last event was removed.
    removed_last: bool,
}

impl Meter {
    /// A meter for one answer. `remove_usage_event` when the gateway asked for the event and the
    /// client did not.
    pub fn new(operation: Operation, format: BodyFormat, remove_usage_event: bool) -> Self {
        let body = match format {
            BodyFormat::Json => Body::Json {
                probe: JsonProbe::default(),
                head: Vec::new(),
            },
            BodyFormat::EventStream => Body::Events(Events {
                removal: remove_usage_event.then(Removal::default),
                ..Events::default()
            }),
            BodyFormat::Opaque => Body::Opaque,
        };
        Self {
            operation,
            body,
            found: Found::default(),
            text: CollectedText::default(),
            has_text: false,
            hold: None,
            bytes: 0,
        }
    }

    /// The same for a stream that says its usage after its end: [`Self::is_held_back`] says when.
    #[must_use]
    pub fn holding_back(mut self) -> Self {
        self.hold = Some(Hold::default());
        self
    }

    /// Whether the client must not have what has been read until now: the answer has ended and its usage
    /// follows. A client that hung up here would be charged by an estimate.
    pub fn is_held_back(&self) -> bool {
        let has_ended = |hold: Hold| hold.has_ended || hold.is_ending;
        self.found.usage.is_none() && self.hold.is_some_and(has_ended)
    }

    /// Whether the model has begun to answer in a stream.
    pub fn has_text(&self) -> bool {
        self.has_text
    }

    /// The id of the answer, once it is known.
    pub fn id(&self) -> Option<&str> {
        let found = match &self.body {
            Body::Json { probe, .. } => probe.found(),
            Body::Events(_) | Body::Opaque => &self.found,
        };
        found.id.as_deref()
    }

    /// The ids of items, containers and files that the answer has shown since the last time. They are
    /// what it says at its own places for them; whether they are the client's is not judged here.
    pub fn take_shown(&mut self) -> Vec<(ObjectKind, String)> {
        match &mut self.body {
            Body::Json { probe, .. } => probe.take_shown(),
            Body::Events(_) | Body::Opaque => self.found.shown.take(),
        }
    }

    /// Whether the answer is a stream that has said its usage.
    pub fn has_streamed_usage(&self) -> bool {
        matches!(self.body, Body::Events(_)) && self.found.usage.is_some()
    }

    /// Reads the next piece; `is_last` when no other follows.
    pub fn feed(&mut self, piece: &[u8], is_last: bool) -> Released {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        let read = &mut Reading {
            operation: self.operation,
            found: &mut self.found,
            text: &mut self.text,
            has_text: &mut self.has_text,
            hold: self.hold.as_mut(),
        };
        match &mut self.body {
            Body::Json { probe, head } => {
                probe.feed(piece);
                let room = MAX_HEAD_BYTES.saturating_sub(head.len());
                head.extend_from_slice(piece.get(..room).unwrap_or(piece));
                Released::Unchanged
            }
            Body::Events(events) => events.feed(piece, is_last, read),
            Body::Opaque => Released::Unchanged,
        }
    }

    /// The end of the answer, however it came.
    pub fn finish(mut self) -> Metered {
        let mut found = self.found;
        if let Body::Json { probe, head } = self.body {
            found = probe.into_found();
            if found.usage.is_none() && COLLECTED.contains(&self.operation) {
                self.text.collect_message(&head);
            }
        }
        let (text, dropped_text_bytes) = match found.usage {
            Some(_) => Default::default(),
            None => self.text.into_text(),
        };
        let finish_reason = found.finish();
        let is_pending = found
            .status
            .as_deref()
            .is_some_and(|it| PENDING.contains(&it));
        Metered {
            counts: found.usage,
            model: found.model,
            id: found.id,
            error_code: found.error_code,
            finish_reason,
            is_pending,
            status: found.status.take(),
            system_fingerprint: found.system_fingerprint,
            service_tier: found.service_tier.and_then(service_tier),
            units: Units {
                images: if self.operation.makes_images() {
                    found.images
                } else {
                    0
                },
                image_size: found.size.and_then(word).map(Into::into),
                image_quality: found.quality.and_then(word).map(Into::into),
                audio_ms: found.audio_ms.unwrap_or(0),
                characters: 0,
            },
            has_audio_usage: found.has_audio_usage,
            shown: found.shown.take(),
            bytes: self.bytes,
            text,
            dropped_text_bytes,
        }
    }
}

impl Events {
    fn feed(&mut self, piece: &[u8], is_last: bool, read: &mut Reading<'_>) -> Released {
        let mut output = self.removal.is_some().then(|| Output::new(piece));
        let mut rest = self.take_lf(piece, output.as_mut());
        while let Some(end) = self.ends.next(rest) {
            let (event, after) = rest.split_at(end);
            let is_removed = self.end_event(event, read);
            if let (Some(removal), Some(output)) = (&mut self.removal, &mut output) {
                match is_removed {
                    true => output.skip(event),
                    false => output.pass_held(&self.partial, removal.released, event),
                }
                removal.removed_last = is_removed;
                removal.released = 0;
            }
            self.partial.clear();
            rest = after;
        }
        let was_long = self.long.is_some();
        self.begin_event(rest);
        if let Some(hold) = &mut read.hold {
            hold.is_ending = Course::ends_in(read.operation, &self.partial);
        }
        if let (Some(removal), Some(output)) = (&mut self.removal, &mut output) {
            let may_be_removed = removal.released == 0
                && !is_last
                && self.long.is_none()
                && may_be_usage_event(&self.partial);
            if was_long {
                output.pass_held(&[], 0, rest);
            } else if may_be_removed {
                output.skip(rest);
            } else {
                let before = self.partial.len().saturating_sub(rest.len());
                let held = self.partial.get(..before).unwrap_or_default();
                output.pass_held(held, removal.released, rest);
                removal.released = self.partial.len();
            }
        }
        output.map_or(Released::Unchanged, Output::into_released)
    }

    /// The LF of a CR LF whose CR ended the last event shares that event's fate.
    fn take_lf<'a>(&mut self, piece: &'a [u8], output: Option<&mut Output<'a>>) -> &'a [u8] {
        let is_between_events = self.partial.is_empty() && self.long.is_none();
        if !is_between_events || !self.ends.take_lf(piece) {
            return piece;
        }
        let (lf, rest) = piece.split_at(1);
        match (&self.removal, output) {
            (Some(removal), Some(output)) if removal.removed_last => output.skip(lf),
            (_, Some(output)) => output.pass_held(&[], 0, lf),
            (_, None) => {}
        }
        rest
    }

    /// Reads an event whose last bytes these are; says whether it is the one to remove.
    fn end_event(&mut self, event: &[u8], read: &mut Reading<'_>) -> bool {
        if let Some((mut lines, mut probe)) = self.long.take() {
            lines.feed(event, |data| probe.feed(data));
            *read.has_text |= read.operation.makes_images();
            read.found.merge(probe.into_found());
            return false;
        }
        let found_usage = match self.partial.is_empty() {
            true => read.event(event) && may_be_removed(event),
            false => {
                self.partial.extend_from_slice(event);
                let found = read.event(&self.partial) && may_be_removed(&self.partial);
                self.partial.truncate(self.partial.len() - event.len());
                found
            }
        };
        let is_held = self.removal.as_ref().is_some_and(|it| it.released == 0);
        found_usage && is_held
    }

    /// Keeps the beginning of an event, or reads on in a long one.
    fn begin_event(&mut self, bytes: &[u8]) {
        if let Some((lines, probe)) = &mut self.long {
            lines.feed(bytes, |data| probe.feed(data));
            return;
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > MAX_WHOLE_EVENT_BYTES {
            let (mut lines, mut probe) = (DataLines::default(), JsonProbe::default());
            lines.feed(&self.partial, |data| probe.feed(data));
            self.long = Some((lines, probe));
        }
    }
}

/// Whether an event would have been held back until its end, had it come in pieces: the pieces must
/// not decide what the client gets.
fn may_be_removed(event: &[u8]) -> bool {
    event.len() <= MAX_WHOLE_EVENT_BYTES && may_be_usage_event(event)
}

/// What reading an event changes.
struct Reading<'a> {
    operation: Operation,
    found: &'a mut Found,
    text: &'a mut CollectedText,
    has_text: &'a mut bool,
    hold: Option<&'a mut Hold>,
}

impl Reading<'_> {
    /// Reads a whole event; says whether it is the one that `include_usage` asks for.
    fn event(&mut self, event: &[u8]) -> bool {
        // Where an event ends between CR and LF, its text must not know.
        let event = event.trim_ascii_end();
        let is_summary = Course::is_summary(self.operation, event);
        let has_text = !is_summary && self.text.collect(self.operation, event);
        *self.has_text |= has_text;
        let finishes = self.operation.usage_must_be_asked_for() && may_finish(event);
        if let Some(hold) = &mut self.hold {
            match Course::of(self.operation, event, finishes, has_text) {
                Course::GoesOn => hold.has_ended = false,
                Course::Ends => hold.has_ended = true,
                Course::Unknown => {}
            }
        }
        let may_matter = self.found.model.is_none()
            || may_have_usage(event)
            || finishes
            || self.may_show_item(event);
        if !may_matter {
            return false;
        }
        let (mut lines, mut probe) = (DataLines::default(), JsonProbe::default());
        lines.feed(event, |data| probe.feed(data));
        let found = probe.into_found();
        let is_usage_event = found.usage.is_some() && found.has_empty_choices;
        // An image or a piece of audio comes whole in its event.
        *self.has_text |= found.kind.is_some() && !COLLECTED.contains(&self.operation);
        self.found.merge(found);
        is_usage_event
    }

    /// Whether an event may be about an item of the output. One about a part of an item has its id, too,
    /// as `item_id`: it was shown before.
    fn may_show_item(&self, event: &[u8]) -> bool {
        static ITEM: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"item\""));
        self.operation == Operation::Responses && ITEM.find(event).is_some()
    }
}

/// Whether a `usage` that is not `null` may be in an event; most have `"usage":null`.
fn may_have_usage(event: &[u8]) -> bool {
    static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
    has_value(&USAGE, event)
}

/// What is passed on to the client of one piece.
struct Output<'a> {
    piece: &'a [u8],
    bytes: Vec<u8>,
    is_changed: bool,
}

impl<'a> Output<'a> {
    fn new(piece: &'a [u8]) -> Self {
        Self {
            piece,
            bytes: Vec::with_capacity(piece.len()),
            is_changed: false,
        }
    }

    /// Passes bytes, after what was held back before them.
    fn pass_held(&mut self, held: &[u8], released: usize, bytes: &[u8]) {
        let held = held.get(released..).unwrap_or_default();
        self.is_changed |= !held.is_empty();
        self.bytes.extend_from_slice(held);
        self.bytes.extend_from_slice(bytes);
    }

    fn skip(&mut self, bytes: &[u8]) {
        self.is_changed |= !bytes.is_empty();
    }

    fn into_released(self) -> Released {
        match self.is_changed || self.bytes.len() != self.piece.len() {
            true => Released::Replaced(self.bytes),
            false => Released::Unchanged,
        }
    }
}
