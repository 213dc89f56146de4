//! `stream_options` of chats and completions: whether a stream says its usage
//! (<https://platform.openai.com/docs/api-reference/chat/create>).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::key::{Key, clip};
use super::{BodyError, Edit, Span};

/// The member that asks for the usage.
const INCLUDE_USAGE: &str = "include_usage";
/// Most members that are read.
const MAX_MEMBERS: usize = 16;

/// What the client said about `stream_options.include_usage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncludeUsage {
    /// It asked for the usage event.
    Requested,
    /// It did not; this is where to ask for it.
    NotRequested(Edit),
}

/// Where to say `include_usage: true` in a body whose `stream_options` are these.
pub(super) fn include_usage(
    body: &[u8],
    options: Option<&RawValue>,
) -> Result<IncludeUsage, BodyError> {
    let raw = match options.map(RawValue::get) {
        None => {
            let member = r#""stream_options":{"include_usage":true}"#;
            return Ok(IncludeUsage::NotRequested(Edit::Add(member.into())));
        }
        Some(null @ "null") => return replace(body, null, r#"{"include_usage":true}"#),
        Some(raw) => raw,
    };
    let found = serde_json::Deserializer::from_str(raw)
        .deserialize_map(OptionsVisitor)
        .map_err(|error| BodyError::Malformed(format!("`stream_options`: {error}")))?;
    match found {
        Some("true") => Ok(IncludeUsage::Requested),
        Some(other) => replace(body, other, "true"),
        None => {
            let rest = raw.get(1..).unwrap_or_default();
            let comma = if rest.trim_start() == "}" { "" } else { "," };
            replace(body, raw, format!(r#"{{"include_usage":true{comma}{rest}"#))
        }
    }
}

/// Replaces a part of the body that was borrowed from it.
fn replace(
    body: &[u8],
    part: &str,
    text: impl Into<Cow<'static, str>>,
) -> Result<IncludeUsage, BodyError> {
    match Span::of(part, body) {
        Some(span) => Ok(IncludeUsage::NotRequested(Edit::Replace(span, text.into()))),
        None => Err(BodyError::Malformed(
            "`stream_options` can't be parsed".to_owned(),
        )),
    }
}

/// Reads an object of booleans (`null` is the same as nothing); gives what `include_usage` says.
struct OptionsVisitor;

impl<'de> Visitor<'de> for OptionsVisitor {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut names) = (None, Vec::new());
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let value: &'de RawValue = map.next_value()?;
            if names.len() == MAX_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            if names
                .iter()
                .any(|name: &Cow<'_, str>| name.eq_ignore_ascii_case(&key))
            {
                return Err(A::Error::custom(format_args!(
                    "duplicate member `{}`",
                    clip(&key)
                )));
            }
            if key != INCLUDE_USAGE && key.eq_ignore_ascii_case(INCLUDE_USAGE) {
                return Err(A::Error::custom(format_args!(
                    "write the member `{INCLUDE_USAGE}` in lower case"
                )));
            }
            if !matches!(value.get(), "true" | "false" | "null") {
                return Err(A::Error::custom(format_args!(
                    "`{}` must be true or false",
                    clip(&key)
                )));
            }
            if key == INCLUDE_USAGE {
                found = Some(value.get());
            }
            names.push(key);
        }
        Ok(found)
    }
}
