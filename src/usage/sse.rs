//! Splits a stream of server-sent events, in pieces of any size.
//!
//! The grammar (<https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>):
//!
//! ```text
//! stream      = [ bom ] *event
//! event       = *( comment / field ) end-of-line       ; the blank line ends the event
//! comment     = ":" *any-char end-of-line
//! field       = 1*name-char [ ":" [ " " ] *any-char ] end-of-line
//! end-of-line = CR LF / CR / LF
//! ```
//!
//! Only two things matter here: where an event ends, and what its `data` lines say. An event that
//! lies within one piece is never copied.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

/// Finds the ends of events.
#[derive(Debug)]
pub(super) struct EventEnds {
    at_line_start: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
}

impl Default for EventEnds {
    fn default() -> Self {
        Self {
            at_line_start: true,
            after_cr: false,
        }
    }
}

impl EventEnds {
    /// How many of the bytes belong to the current event, if it ends in them.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let &first = rest.first()?;
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                at += 1;
                continue;
            }
            if self.at_line_start && matches!(first, b'\n' | b'\r') {
                return Some(at + self.end_of_line(rest));
            }
            let line_end = memchr2(b'\n', b'\r', rest);
            self.at_line_start = line_end.is_some();
            let tail = rest.get(line_end?..).unwrap_or_default();
            at += rest.len() - tail.len() + self.end_of_line(tail);
        }
    }

    /// Whether the bytes begin with the LF of a CR LF whose CR came before.
    pub(super) fn take_lf(&mut self, bytes: &[u8]) -> bool {
        let is_lf = self.after_cr && bytes.first() == Some(&b'\n');
        self.after_cr &= !is_lf;
        is_lf
    }

    /// The length of the line end that the bytes start with.
    fn end_of_line(&mut self, bytes: &[u8]) -> usize {
        match bytes {
            [b'\r', b'\n', ..] => 2,
            [b'\r'] => {
                self.after_cr = true;
                1
            }
            _ => 1,
        }
    }
}

/// What the `data` lines of each event say; the last event need not have ended.
pub(crate) fn data_of_events(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut ends = EventEnds::default();
    let mut events = Vec::new();
    while !stream.is_empty() {
        let end = ends.next(stream).unwrap_or(stream.len());
        let (event, rest) = stream.split_at(end);
        let (mut lines, mut data) = (DataLines::default(), Vec::new());
        lines.feed(event, |piece| data.extend_from_slice(piece));
        if !data.is_empty() {
            events.push(data);
        }
        stream = rest;
    }
    events
}

/// Gives the content of an event's `data` lines, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct DataLines {
    state: Line,
}

#[derive(Clone, Copy, Debug, Default)]
enum Line {
    /// So many bytes of `data:` have been seen.
    Name(usize),
    /// The colon has been seen; one space after it is not content.
    AfterColon,
    Data,
    Other,
    #[default]
    Start,
}

const DATA: &[u8] = b"data:";
const BOM: &[u8] = "\u{feff}".as_bytes();

impl DataLines {
    /// Reads on; `content` gets each piece of data.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut content: impl FnMut(&[u8])) {
        while let Some((&first, rest)) = bytes.split_first() {
            if matches!(self.state, Line::Data | Line::Other) {
                let end = memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
                let (line, tail) = bytes.split_at(end);
                if matches!(self.state, Line::Data) {
                    content(line);
                }
                if !tail.is_empty() {
                    self.state = Line::Start;
                }
                bytes = tail.get(1..).unwrap_or_default();
                continue;
            }
            let (state, consumed) = self.step(first);
            self.state = state;
            bytes = if consumed { rest } else { bytes };
        }
    }

    /// One byte before the content of a line.
    fn step(&self, byte: u8) -> (Line, bool) {
        let seen = match self.state {
            Line::Start if matches!(byte, b'\n' | b'\r') || BOM.contains(&byte) => {
                return (Line::Start, true);
            }
            Line::AfterColon => return (Line::Data, byte == b' '),
            Line::Name(seen) => seen,
            Line::Start | Line::Data | Line::Other => 0,
        };
        match DATA.get(seen) {
            Some(expected) if *expected == byte && seen + 1 == DATA.len() => {
                (Line::AfterColon, true)
            }
            Some(expected) if *expected == byte => (Line::Name(seen + 1), true),
            _ => (Line::Other, false),
        }
    }
}

/// Whether the beginning of an event may be that of the usage event, `data: {…"choices":[]…}`.
///
/// What can't be need not be held back until it ends: `[DONE]`, and every event whose `choices` has
/// begun to have a choice. Quotes in a text are escaped, so the name can't occur in one.
pub(super) fn may_be_usage_event(partial: &[u8]) -> bool {
    static CHOICES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"choices\":["));
    let Some(colon) = memchr(b':', partial) else {
        return true;
    };
    let content = partial.get(colon + 1..).unwrap_or_default();
    if content.trim_ascii_start().first() == Some(&b'[') {
        return false;
    }
    let first_choice = CHOICES.find(content).and_then(|at| {
        let list = content.get(at + CHOICES.needle().len()..)?;
        list.trim_ascii_start().first()
    });
    matches!(first_choice, None | Some(b']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let (mut ends, mut events, mut partial) = (EventEnds::default(), Vec::new(), Vec::new());
        for mut bytes in stream.chunks(piece) {
            while let Some(end) = ends.next(bytes) {
                partial.extend_from_slice(&bytes[..end]);
                events.push(std::mem::take(&mut partial));
                bytes = &bytes[end..];
            }
            partial.extend_from_slice(bytes);
        }
        events.push(partial);
        events
    }

    fn data(event: &[u8], piece: usize) -> String {
        let (mut lines, mut content) = (DataLines::default(), Vec::new());
        for bytes in event.chunks(piece) {
            lines.feed(bytes, |part| content.extend_from_slice(part));
        }
        String::from_utf8(content).expect("text")
    }

    #[test]
    fn every_kind_of_line_end_ends_an_event() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = format!("data: a{end}{end}: note{end}data: b{end}{end}");
            let found = events(stream.as_bytes(), 1000);
            let found: Vec<_> = found.iter().map(|event| data(event, 1000)).collect();
            assert_eq!(found, ["a", "b", ""], "{end:?}");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_data() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = format!(
                "\u{feff}data: {{\"ü\":1}}{end}{end}event: x{end}data:{{{end}data: }}{end}id: 7{end}{end}dat: n{end}{end}"
            );
            for piece in 1..stream.len() {
                let found: Vec<_> = events(stream.as_bytes(), piece)
                    .iter()
                    .map(|event| data(event, piece))
                    .filter(|data| !data.is_empty())
                    .collect();
                assert_eq!(found, ["{\"ü\":1}", "{}"], "{end:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn nothing_is_lost_between_events() {
        let stream = b"data: a\n\n\r\n\rdata: b\r\r\n\ndata: c";
        for piece in 1..stream.len() {
            assert_eq!(events(stream, piece).concat(), stream, "pieces of {piece}");
        }
    }

    #[test]
    fn only_what_may_be_the_usage_event_is_held_back() {
        for may in [
            "",
            "da",
            "data:",
            "data: {\"ch",
            "data: {\"choices\":[",
            "data: {\"choices\":[ ",
            "data: {\"choices\":[],\"usage\"",
            "event: x\ndata: {",
        ] {
            assert!(may_be_usage_event(may.as_bytes()), "{may}");
        }
        for other in [
            "data: [DONE]",
            "data: {\"choices\":[{",
            "data: {\"id\":1,\"choices\":[{\"x\"",
        ] {
            assert!(!may_be_usage_event(other.as_bytes()), "{other}");
        }
    }
}
