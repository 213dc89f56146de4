//! One part of a form: its headers and its content.

use std::borrow::Cow;

use memchr::memmem;

use super::disposition::{Disposition, Odd};
use super::header::{Charset, Header, is_token};
use super::{BodyError, MAX_PART_HEADER_BYTES, malformed};

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: String,
    pub(super) kind: Kind<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Text(Cow<'a, str>),
    /// Has a file's name, or a media type that is not a text type.
    File {
        filename: Option<String>,
        content_type: Option<&'a str>,
        content: &'a [u8],
    },
}

/// The headers of a part that mean something; RFC 7578, section 4.8, has all others ignored.
#[derive(Default)]
struct Headers<'a> {
    disposition: Option<&'a str>,
    content_type: Option<&'a str>,
    transfer_encoding: Option<&'a str>,
    length: Option<&'a str>,
}

impl<'a> Part<'a> {
    /// Reads a part; `charset` is that of text which does not say its own.
    pub(super) fn parse(part: &'a [u8], charset: Charset) -> Result<Self, BodyError> {
        let longest = part.len().min(MAX_PART_HEADER_BYTES + 4);
        let head = part.get(..longest).unwrap_or_default();
        let end = memmem::find(head, b"\r\n\r\n")
            .ok_or_else(|| malformed("a part has no headers, or too many"))?;
        let (head, content) = part.split_at(end);
        let content = content.get(4..).unwrap_or_default();
        let head = std::str::from_utf8(head)
            .map_err(|_| malformed("the headers of a part are not UTF-8"))?;
        let headers = Headers::parse(head)?;
        headers.check(content)?;
        let disposition = headers.disposition.unwrap_or_default();
        let Disposition { name, filename } =
            Disposition::parse(disposition).map_err(|odd| match odd {
                Odd::Form => malformed("write `content-disposition: form-data; name=\"…\"`"),
                Odd::Name => malformed("the name of a field has letters, digits and `_-.[]` only"),
                Odd::Filename => malformed("the `filename` of a part is empty or can't be read"),
            })?;
        let kind = match (filename, Media::parse(headers.content_type)?) {
            (None, Media::Text(said)) => {
                let text = said.unwrap_or(charset).decode(content).ok_or_else(|| {
                    malformed(format!(
                        "the field `{name}` is not text in UTF-8, and a file needs a `filename`"
                    ))
                })?;
                Kind::Text(text.into())
            }
            (None, Media::Unknown) => {
                return Err(malformed(format!(
                    "the `content-type` of the field `{name}` can't be read"
                )));
            }
            (filename, media) => Kind::File {
                filename,
                content_type: headers.content_type.filter(|_| media != Media::Unknown),
                content,
            },
        };
        Ok(Self { name, kind })
    }
}

impl<'a> Headers<'a> {
    fn parse(head: &'a str) -> Result<Self, BodyError> {
        let mut headers = Self::default();
        for line in head.split("\r\n") {
            let (name, value) = line
                .split_once(':')
                .filter(|(name, _)| is_token(name) && !line.chars().any(char::is_control))
                .ok_or_else(|| malformed("a part has a header that can't be read"))?;
            let place = match name.to_ascii_lowercase().as_str() {
                "content-disposition" => &mut headers.disposition,
                "content-type" => &mut headers.content_type,
                "content-transfer-encoding" => &mut headers.transfer_encoding,
                "content-length" => &mut headers.length,
                "content-encoding" => return Err(malformed("a part is compressed")),
                _ => continue,
            };
            if place.replace(value.trim()).is_some() {
                return Err(malformed(format!("a part has a duplicate `{name}`")));
            }
        }
        Ok(headers)
    }

    /// Refuses content that is encoded otherwise than its bytes say.
    fn check(&self, content: &[u8]) -> Result<(), BodyError> {
        let is_plain = |encoding: &str| {
            let plain = ["7bit", "8bit", "binary"];
            plain.iter().any(|it| it.eq_ignore_ascii_case(encoding))
        };
        if !self.transfer_encoding.is_none_or(is_plain) {
            return Err(malformed(
                "a part has a `content-transfer-encoding`; send it as it is",
            ));
        }
        let length = content.len().to_string();
        if self.length.is_some_and(|it| it != length) {
            return Err(malformed(
                "the `content-length` of a part is not its length",
            ));
        }
        Ok(())
    }
}

/// What a part's `content-type` says.
#[derive(PartialEq, Eq)]
enum Media {
    /// Text or JSON, the default.
    Text(Option<Charset>),
    /// Another type that can be read.
    Other,
    /// What can't be read.
    Unknown,
}

impl Media {
    fn parse(content_type: Option<&str>) -> Result<Self, BodyError> {
        let Some(text) = content_type else {
            return Ok(Self::Text(None));
        };
        let lower = text.to_ascii_lowercase();
        if ["multipart", "message"]
            .iter()
            .any(|it| lower.starts_with(it))
        {
            return Err(malformed("a part is itself multipart"));
        }
        let Some(header) = Header::parse(text).filter(|_| text.is_ascii()) else {
            return Ok(Self::Unknown);
        };
        let Some((kind, subtype)) = header.value.split_once('/') else {
            return Ok(Self::Unknown);
        };
        if !is_token(kind) || !is_token(subtype) {
            return Ok(Self::Unknown);
        }
        let is_text = kind.eq_ignore_ascii_case("text")
            || header.value.eq_ignore_ascii_case("application/json");
        Ok(match (is_text, header.charset()) {
            (true, Some(charset)) => Self::Text(charset),
            (true, None) => return Err(malformed("a part has a `charset` other than UTF-8")),
            (false, _) => Self::Other,
        })
    }
}
