//! A strict reader of `multipart/form-data`: one way to read it, or none.
//!
//! ```text
//! content-type = "multipart/form-data;" [ " " ] "boundary=" ( boundary / DQUOTE boundary DQUOTE )
//! boundary     = 1*70( ALPHA / DIGIT / "'()+_-./:=?," )
//! body         = first *( CRLF first ) CRLF "--" boundary "--" [ CRLF ]
//! first        = "--" boundary CRLF 1*( header CRLF ) CRLF content
//! ```
//!
//! RFC 7578 and RFC 2046, section 5.1.1, without what would let two readers see different parts: no
//! preamble or epilogue, no white space after a boundary, no other place where the boundary stands,
//! no folded headers, no transfer encoding, no escapes in a name. Every client library writes it so.

use memchr::memmem;

use super::BodyError;

/// Longest boundary that RFC 2046 allows.
const MAX_BOUNDARY_BYTES: usize = 70;
/// Parts that are looked at; an edit of images has up to 16 of them and a mask.
const MAX_PARTS: usize = 128;
/// Longest headers of a part.
const MAX_PART_HEADER_BYTES: usize = 4096;

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    name: &'a str,
    is_file: bool,
    content: &'a [u8],
}

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
        let boundary = boundary(content_type).ok_or_else(|| {
            malformed("send `content-type: multipart/form-data; boundary=…` and nothing else in it")
        })?;
        let delimiter = format!("--{boundary}");
        let odd = || malformed("the boundary stands where none may be");
        let mut rest = body.strip_prefix(delimiter.as_bytes()).ok_or_else(odd)?;
        let inner = format!("\r\n{delimiter}");
        let inner = memmem::Finder::new(inner.as_bytes());
        let mut parts = Vec::new();
        while !matches!(rest, b"--" | b"--\r\n") {
            rest = rest.strip_prefix(b"\r\n").ok_or_else(odd)?;
            let end = inner
                .find(rest)
                .ok_or_else(|| malformed("the last boundary is missing"))?;
            let (part, after) = rest.split_at(end);
            if memmem::find(part, delimiter.as_bytes()).is_some() {
                return Err(odd());
            }
            if parts.len() == MAX_PARTS {
                return Err(malformed(format!("more than {MAX_PARTS} parts")));
            }
            parts.push(Part::parse(part)?);
            rest = after.get(inner.needle().len()..).unwrap_or_default();
        }
        Ok(Self(parts))
    }

    /// The text of a field that decides something.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] if it stands twice, in another spelling, or is a file or no text.
    pub fn field(&self, name: &str) -> Result<Option<&'a str>, BodyError> {
        let Some(part) = self.only(name)? else {
            return Ok(None);
        };
        match (part.is_file, std::str::from_utf8(part.content)) {
            (false, Ok(text)) => Ok(Some(text)),
            _ => Err(malformed(format!("the field `{name}` is no text"))),
        }
    }

    /// The content of a file that decides something.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] if it stands twice, in another spelling, or not at all.
    pub fn file(&self, name: &str) -> Result<&'a [u8], BodyError> {
        match self.only(name)? {
            Some(part) if part.is_file => Ok(part.content),
            _ => Err(malformed(format!("the form has no file `{name}`"))),
        }
    }

    fn only(&self, name: &str) -> Result<Option<&Part<'a>>, BodyError> {
        let mut found = None;
        for part in &self.0 {
            // PHP's and Rails' spelling of a list would be a second value to some servers.
            let bare = part.name.split('[').next().unwrap_or_default().trim();
            if !bare.eq_ignore_ascii_case(name) {
                continue;
            }
            if part.name != name {
                return Err(malformed(format!("write the field as `{name}`")));
            }
            if found.replace(part).is_some() {
                return Err(malformed(format!("the field `{name}` stands twice")));
            }
        }
        Ok(found)
    }
}

impl<'a> Part<'a> {
    fn parse(part: &'a [u8]) -> Result<Self, BodyError> {
        let end = memmem::find(part, b"\r\n\r\n")
            .filter(|end| *end <= MAX_PART_HEADER_BYTES)
            .ok_or_else(|| malformed("a part has no headers, or too many"))?;
        let (head, content) = part.split_at(end);
        let content = content.get(4..).unwrap_or_default();
        let head = std::str::from_utf8(head)
            .map_err(|_| malformed("the headers of a part are no text"))?;
        let mut disposition = None;
        for line in head.split("\r\n") {
            let (name, value) = line
                .split_once(':')
                .filter(|_| !line.contains(['\r', '\n', '\0']))
                .ok_or_else(|| malformed("a part has a header that can't be read"))?;
            if name.eq_ignore_ascii_case("content-disposition") {
                if disposition.replace(value.trim()).is_some() {
                    return Err(malformed("a part has two dispositions"));
                }
            } else if !name.eq_ignore_ascii_case("content-type")
                && !name.eq_ignore_ascii_case("content-length")
            {
                return Err(malformed("a part has a header that none may have"));
            }
        }
        let (name, is_file) = disposition
            .and_then(disposition_names)
            .ok_or_else(|| malformed("write `content-disposition: form-data; name=\"…\"`"))?;
        Ok(Self {
            name,
            is_file,
            content,
        })
    }
}

/// The boundary that a `content-type` names, where it names that and nothing else.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameter) = content_type.split_once(';')?;
    if !kind
        .trim_ascii()
        .eq_ignore_ascii_case("multipart/form-data")
    {
        return None;
    }
    let (name, value) = parameter.trim_ascii().split_once('=')?;
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => value,
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_-./:=?,".contains(&byte);
    let valid = name.eq_ignore_ascii_case("boundary")
        && (1..=MAX_BOUNDARY_BYTES).contains(&value.len())
        && value.bytes().all(allowed);
    valid.then_some(value)
}

/// `name` of a disposition, and whether it has a `filename`.
fn disposition_names(value: &str) -> Option<(&str, bool)> {
    let mut rest = value.strip_prefix("form-data")?.trim_ascii_start();
    let (mut name, mut is_file) = (None, false);
    while !rest.is_empty() {
        let parameter = rest.strip_prefix(';')?.trim_ascii_start();
        let (key, after) = parameter.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            // `filename*=utf-8''…` (RFC 5987), which some clients send beside `filename`.
            None if key == "filename*" => {
                let end = after.find(';').unwrap_or(after.len());
                after.split_at_checked(end)?
            }
            None => return None,
        };
        match key {
            "name" if name.is_none() && is_plain(value) => name = Some(value),
            "filename" | "filename*" => is_file = true,
            _ => return None,
        }
        rest = after.trim_ascii_start();
    }
    Some((name?, is_file))
}

/// A name without anything that could be an escape.
fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed) && name != "_charset_"
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
