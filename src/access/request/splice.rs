//! Changes of a JSON body that leave every other byte as it was.

use std::borrow::Cow;

/// Where a value is in a body, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// The span of a part that is borrowed from the body; `None` for anything else.
    pub(super) fn of(part: &str, body: &[u8]) -> Option<Self> {
        let start = part.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        (end <= body.len()).then_some(Self { start, end })
    }

    /// What is there.
    pub(crate) fn text<'a>(&self, body: &'a [u8]) -> &'a str {
        let bytes = body.get(self.start..self.end).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// One change of a body that is a JSON object. Each concerns another member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// One more member, `"name":value`.
    Add(Cow<'static, str>),
    /// Another value for a span.
    Replace(Span, Cow<'static, str>),
}

impl Edit {
    /// The body with all changes made. It must be the object that the spans were found in.
    pub fn apply(edits: &[Self], body: &[u8]) -> Vec<u8> {
        let texts = edits.iter().map(|edit| match edit {
            Self::Add(text) | Self::Replace(_, text) => text.len() + 1,
        });
        let mut changed = Vec::with_capacity(body.len() + texts.sum::<usize>());
        let mut done = memchr::memchr(b'{', body).map_or(0, |brace| brace + 1);
        changed.extend(body.get(..done).unwrap_or_default());
        let rest = body.get(done..).unwrap_or_default();
        for edit in edits {
            if let Self::Add(text) = edit {
                changed.extend(text.as_bytes());
                changed.push(b',');
            }
        }
        if rest.trim_ascii_start().first() == Some(&b'}') && changed.last() == Some(&b',') {
            changed.pop();
        }
        let mut replaced: Vec<_> = edits
            .iter()
            .filter_map(|edit| match edit {
                Self::Replace(span, text) => Some((span, text)),
                Self::Add(_) => None,
            })
            .collect();
        replaced.sort_unstable_by_key(|(span, _)| span.start);
        for (span, text) in replaced {
            changed.extend(body.get(done..span.start).unwrap_or_default());
            changed.extend(text.as_bytes());
            done = span.end;
        }
        changed.extend(body.get(done..).unwrap_or_default());
        changed
    }
}
