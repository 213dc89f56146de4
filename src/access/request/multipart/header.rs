//! A header's value and its parameters, as the writers of forms spell them.
//!
//! ```text
//! header = value *( ";" name "=" ( quoted / bare ) ) [ ";" ]
//! quoted = DQUOTE *( "\" DQUOTE / "\\" / any other ) DQUOTE
//! bare   = *( any but ";" and DQUOTE )
//! ```

use std::borrow::Cow;

/// A header, parsed.
pub(super) struct Header<'a> {
    /// What comes before the parameters.
    pub(super) value: &'a str,
    parameters: Vec<(&'a str, Cow<'a, str>)>,
}

/// How the text of a field is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8, also by default (RFC 7578, section 5.1.2).
    Utf8,
    /// One of those that agree with UTF-8 on ASCII alone: Apache's client says ISO-8859-1 of all text.
    Ascii,
}

/// A duplicate parameter.
pub(super) struct Duplicate;

impl<'a> Header<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.chars().any(char::is_control) {
            return None;
        }
        let (value, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let mut parameters = Vec::new();
        while let Some(parameter) = rest.strip_prefix(';') {
            let parameter = parameter.trim_start();
            if parameter.is_empty() {
                rest = parameter;
                break;
            }
            let (name, after) = parameter.split_once('=')?;
            let (value, after) = match after.strip_prefix('"') {
                Some(after) => quoted(after)?,
                None => bare(after)?,
            };
            if !is_token(name) {
                return None;
            }
            parameters.push((name, value));
            rest = after.trim_start();
        }
        rest.is_empty().then(|| Self {
            value: value.trim(),
            parameters,
        })
    }

    /// Whether it has no other parameters than these.
    pub(super) fn has_only(&self, names: &[&str]) -> bool {
        let is_known = |name: &str| names.iter().any(|it| it.eq_ignore_ascii_case(name));
        self.parameters.iter().all(|(name, _)| is_known(name))
    }

    /// A parameter, whose name is compared without case (RFC 2045, section 5.1).
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, Duplicate> {
        let mut found = self
            .parameters
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value.as_ref());
        match found.next() {
            None => Ok(first),
            Some(_) => Err(Duplicate),
        }
    }

    /// What `charset` says; nothing if it is a duplicate, or is one that does not agree with ASCII.
    pub(super) fn charset(&self) -> Option<Option<Charset>> {
        match self.get("charset").ok()? {
            None => Some(None),
            Some(label) => Charset::of(label).map(Some),
        }
    }
}

impl Charset {
    fn of(label: &str) -> Option<Self> {
        let label = label.to_ascii_lowercase();
        let agrees_on_ascii = ["iso-8859-", "windows-125"];
        match label.as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "us-ascii" | "ascii" => Some(Self::Ascii),
            _ if agrees_on_ascii.iter().any(|it| label.starts_with(it)) => Some(Self::Ascii),
            _ => None,
        }
    }

    /// Bytes in this encoding as text, where UTF-8 says the same.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<&str> {
        let text = std::str::from_utf8(bytes).ok()?;
        (self == Self::Utf8 || text.is_ascii()).then_some(text)
    }
}

/// The rest of a quoted text, and what follows it. A backslash before anything but a quote or a
/// backslash is only a backslash: browsers and OkHttp escape none.
fn quoted(mut rest: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut value = String::new();
    loop {
        let (before, found) = rest.split_at(rest.find(['"', '\\'])?);
        value.push_str(before);
        let (next, length) = match found.as_bytes() {
            [b'"', ..] => return Some((value.into(), found.get(1..)?)),
            [b'\\', b'"', ..] => ('"', 2),
            [b'\\', b'\\', ..] => ('\\', 2),
            _ => ('\\', 1),
        };
        value.push(next);
        rest = found.get(length..)?;
    }
}

fn bare(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
    (!value.contains('"')).then(|| (value.trim_end().into(), rest))
}

/// A token of RFC 2045, section 5.1, without what no name or media type needs.
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-*'%".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}
