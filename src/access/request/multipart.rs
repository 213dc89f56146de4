//! Forms (`multipart/form-data`): read as clients write them, and always rewritten.
//!
//! ```text
//! body     = *CRLF first *( CRLF first ) CRLF last
//! first    = "--" boundary CRLF 1*( header CRLF ) CRLF content
//! last     = "--" boundary "--" *CRLF
//! ```
//!
//! RFC 7578 and RFC 2046, section 5.1.1. Client libraries spell the same form in many ways: names
//! without quotes (.NET), escapes (Go, Apache, Spring, Ruby), transfer encodings that encode nothing
//! (Apache, Retrofit, Ruby), lengths of parts (OkHttp, Spring), lines after the end (Azure's SDK for
//! JavaScript). Whatever is understood is passed on in one spelling ([`Form::write`]), so no reader behind
//! the gateway can see other parts than were authorised. What could be meant in two ways is refused:
//! text around the parts, white space after a boundary, another occurrence of the boundary, bare
//! line ends, folded headers, encoded or nested parts, `_charset_`.

mod disposition;
mod header;
mod part;
mod write;

use std::borrow::Cow;

use memchr::memmem;

use self::header::{Charset, Header};
use self::part::{Kind, Part};
use super::BodyError;

/// Longest boundary that RFC 2046 allows.
const MAX_BOUNDARY_BYTES: usize = 70;
/// Most parts of a form; an edit of images has up to 16 of them and a mask.
const MAX_PARTS: usize = 128;
/// Longest headers of a part.
const MAX_PART_HEADER_BYTES: usize = 4096;

/// A form that was understood whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Form<'a>(Vec<Part<'a>>);

fn malformed(why: impl Into<String>) -> BodyError {
    BodyError::Malformed(why.into())
}

impl<'a> Form<'a> {
    /// Reads a body by the `content-type` of its request.
    ///
    /// # Errors
    /// [`BodyError::Malformed`], with a text for the person who sent it.
    pub fn parse(content_type: &str, body: &'a [u8]) -> Result<Self, BodyError> {
        let (boundary, charset) = boundary(content_type).ok_or_else(|| {
            malformed("send `content-type: multipart/form-data; boundary=…`, and text as UTF-8")
        })?;
        let delimiter = format!("--{boundary}");
        let delimiter = memmem::Finder::new(delimiter.as_bytes());
        let odd = || malformed("the form's boundary appears where it may not");
        let mut parts = Vec::new();
        let mut rest = after_line_ends(body)
            .strip_prefix(delimiter.needle())
            .ok_or_else(|| malformed("the form does not begin with its boundary"))?;
        loop {
            if let Some(after) = rest.strip_prefix(b"--") {
                return match after_line_ends(after) {
                    [] => Ok(Self(parts)),
                    _ => Err(malformed("something follows the end of the form")),
                };
            }
            rest = rest.strip_prefix(b"\r\n").ok_or_else(odd)?;
            let end = delimiter
                .find(rest)
                .ok_or_else(|| malformed("the last boundary of the form is missing"))?;
            let (part, after) = rest.split_at(end);
            let part = part.strip_suffix(b"\r\n").ok_or_else(odd)?;
            if parts.len() == MAX_PARTS {
                return Err(malformed(format!("more than {MAX_PARTS} parts")));
            }
            parts.push(Part::parse(part, charset)?);
            rest = after.get(delimiter.needle().len()..).unwrap_or_default();
        }
    }

    /// The text of a field that decides something.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] if it is a duplicate, in another spelling, or a file.
    pub fn field(&self, name: &str) -> Result<Option<&str>, BodyError> {
        match self.only(name)?.map(|part| &part.kind) {
            None => Ok(None),
            Some(Kind::Text(text)) => Ok(Some(text)),
            Some(Kind::File { .. }) => Err(malformed(format!("the field `{name}` is a file"))),
        }
    }

    /// The content of a file that decides something.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] if it is a duplicate, in another spelling, or missing.
    pub fn file(&self, name: &str) -> Result<&'a [u8], BodyError> {
        match self.only(name)?.map(|part| &part.kind) {
            Some(Kind::File { content, .. }) => Ok(content),
            _ => Err(malformed(format!("the form has no file `{name}`"))),
        }
    }

    /// Replaces the text of a field, or adds it at the end.
    pub fn set(&mut self, name: &'static str, text: impl Into<Cow<'a, str>>) {
        let mut part = Some(Part {
            name: name.to_owned(),
            kind: Kind::Text(text.into()),
        });
        self.0
            .retain_mut(|old| old.name != name || part.take().map(|part| *old = part).is_some());
        self.0.extend(part);
    }

    /// Removes a field.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|part| part.name != name);
    }

    fn only(&self, name: &str) -> Result<Option<&Part<'a>>, BodyError> {
        let mut found = None;
        for part in &self.0 {
            // PHP's and Rails' spelling of a list would be a second value to some servers.
            let bare = part.name.split('[').next().unwrap_or_default();
            if !bare.eq_ignore_ascii_case(name) {
                continue;
            }
            if part.name != name {
                return Err(malformed(format!("write the field as `{name}`")));
            }
            if found.replace(part).is_some() {
                return Err(malformed(format!("duplicate field `{name}`")));
            }
        }
        Ok(found)
    }
}

/// The boundary that a `content-type` names, and how its text is encoded unless a part says otherwise.
fn boundary(content_type: &str) -> Option<(String, Charset)> {
    let header = Header::parse(content_type)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_-./:=?,".contains(&byte);
    let is_form = header.value.eq_ignore_ascii_case("multipart/form-data");
    if !is_form || !header.has_only(&["boundary", "charset"]) {
        return None;
    }
    let boundary = header.get("boundary").ok()??;
    let is_valid =
        (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()) && boundary.bytes().all(allowed);
    let charset = header.charset()?.unwrap_or(Charset::Utf8);
    is_valid.then(|| (boundary.to_owned(), charset))
}

fn after_line_ends(mut bytes: &[u8]) -> &[u8] {
    while let Some(after) = bytes.strip_prefix(b"\r\n") {
        bytes = after;
    }
    bytes
}

#[cfg(test)]
mod tests;
