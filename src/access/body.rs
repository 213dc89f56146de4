//! What the gateway reads of a JSON request body: little, strictly, without building the rest.
//!
//! A member that decides something may stand once, spelled exactly: where two parsers read a body
//! differently, one of them authorises what the other one serves. Everything else is skipped
//! without recursion (serde_json's `IgnoredAny` keeps its own stack), so nesting costs nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members that decide something.
const MEMBERS: [&str; 7] = [
    "model",
    "stream",
    "stream_options",
    "previous_response_id",
    "conversation",
    "input",
    "data_sources",
];

/// What the client said about `stream_options.include_usage`
/// (<https://platform.openai.com/docs/api-reference/chat/create>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncludeUsage {
    /// It asked for the usage event.
    Asked,
    /// It did not; this is where to ask for it.
    NotAsked(Splice),
    /// `stream_options` is something that only the backend can judge.
    Unclear,
}

/// A replacement of a range of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    start: usize,
    end: usize,
    text: Cow<'static, str>,
}

impl Splice {
    /// The body with the range replaced.
    pub fn apply(&self, body: &[u8]) -> Vec<u8> {
        let (head, tail) = (body.get(..self.start), body.get(self.end..));
        let (head, tail) = (head.unwrap_or_default(), tail.unwrap_or_default());
        [head, self.text.as_bytes(), tail].concat()
    }
}

/// The members of a request body that the gateway acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBody {
    /// `model`; on the v1 API the name of the deployment.
    pub model: Option<String>,
    /// `stream`
    pub stream: bool,
    /// What `stream_options` says.
    pub include_usage: IncludeUsage,
    /// `previous_response_id` of the responses API.
    pub previous_response_id: Option<String>,
    /// Whether the body refers to a `conversation` kept by the service.
    pub has_conversation: bool,
    /// Whether `input` refers to a stored item instead of saying it.
    pub has_item_reference: bool,
    /// Whether the body has `data_sources` (Azure OpenAI On Your Data), which takes no `stream_options`.
    pub has_data_sources: bool,
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No JSON object, or one of the members has the wrong type or stands twice.
    #[error("{0}")]
    Malformed(String),
}

impl RequestBody {
    /// Reads a body.
    ///
    /// # Errors
    /// [`BodyError::Malformed`], with a text for the person who sent it.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut parser = serde_json::Deserializer::from_slice(body);
        let members = parser
            .deserialize_map(MembersVisitor)
            .and_then(|members| parser.end().map(|()| members))
            .map_err(|error| BodyError::Malformed(error.to_string()))?;
        let include_usage = include_usage(body, members.stream_options)?;
        Ok(Self {
            model: members.model,
            stream: members.stream.unwrap_or(false),
            include_usage,
            previous_response_id: members.previous_response_id,
            has_conversation: members.has_conversation,
            has_item_reference: members
                .input
                .is_some_and(|input| has_item_reference(input.get())),
            has_data_sources: members.has_data_sources,
        })
    }
}

/// Whether a list of input items has a reference to a stored one: `item_reference`, which is also what
/// an item without `type` and `role` means
/// (<https://platform.openai.com/docs/api-reference/responses/create>).
fn has_item_reference(input: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Item {
        #[serde(rename = "type")]
        kind: Option<String>,
        role: Option<IgnoredAny>,
    }
    let is_reference = |item: &&RawValue| {
        item.get().starts_with('{')
            && match serde_json::from_str::<Item>(item.get()) {
                Ok(Item { kind: None, role }) => role.is_none(),
                Ok(Item {
                    kind: Some(kind), ..
                }) => kind == "item_reference",
                // What can be read in two ways is taken for the worse.
                Err(_) => true,
            }
    };
    let has_objects = input.starts_with('[') && memchr::memchr(b'{', input.as_bytes()).is_some();
    has_objects
        && serde_json::from_str::<Vec<&RawValue>>(input)
            .is_ok_and(|items| items.iter().any(is_reference))
}

/// Where to say `include_usage: true` in a body whose `stream_options` are these.
fn include_usage(body: &[u8], options: Option<&RawValue>) -> Result<IncludeUsage, BodyError> {
    let no_object = || BodyError::Malformed("the body is not a JSON object".to_owned());
    let raw = options.map(RawValue::get).filter(|raw| *raw != "null");
    let Some(raw) = raw else {
        return match options {
            Some(null) => Ok(replace(body, null.get(), r#"{"include_usage":true}"#)),
            None => {
                let brace = memchr::memchr(b'{', body).ok_or_else(no_object)?;
                let rest = body.get(brace + 1..).unwrap_or_default();
                let text = match rest.trim_ascii_start().first() {
                    Some(b'}') => r#""stream_options":{"include_usage":true}"#,
                    _ => r#""stream_options":{"include_usage":true},"#,
                };
                Ok(IncludeUsage::NotAsked(Splice {
                    start: brace + 1,
                    end: brace + 1,
                    text: text.into(),
                }))
            }
        };
    };
    let mut parser = serde_json::Deserializer::from_str(raw);
    let Ok(found) = parser.deserialize_map(OptionsVisitor) else {
        return Ok(IncludeUsage::Unclear);
    };
    Ok(match found {
        Options::Asked => IncludeUsage::Asked,
        Options::Refused(value) => replace(body, &value, "true"),
        Options::Absent => {
            let rest = raw.get(1..).unwrap_or_default();
            let comma = if rest.trim_start() == "}" { "" } else { "," };
            replace(body, raw, format!(r#"{{"include_usage":true{comma}{rest}"#))
        }
        Options::Unclear => IncludeUsage::Unclear,
    })
}

/// Replaces a part of the body that was borrowed from it.
fn replace(body: &[u8], part: &str, text: impl Into<Cow<'static, str>>) -> IncludeUsage {
    let offset = part.as_ptr().addr().checked_sub(body.as_ptr().addr());
    match offset.filter(|start| start + part.len() <= body.len()) {
        Some(start) => IncludeUsage::NotAsked(Splice {
            start,
            end: start + part.len(),
            text: text.into(),
        }),
        None => IncludeUsage::Unclear,
    }
}

#[derive(Default)]
struct Members<'de> {
    model: Option<String>,
    stream: Option<bool>,
    stream_options: Option<&'de RawValue>,
    previous_response_id: Option<String>,
    has_conversation: bool,
    has_data_sources: bool,
    input: Option<&'de RawValue>,
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        let mut seen = [false; MEMBERS.len()];
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            mark_seen(&key, &mut seen)?;
            match &*key {
                "model" => members.model = Some(map.next_value()?),
                "stream" => members.stream = map.next_value()?,
                "stream_options" => members.stream_options = Some(map.next_value()?),
                "previous_response_id" => members.previous_response_id = map.next_value()?,
                "input" => members.input = Some(map.next_value()?),
                "conversation" => {
                    members.has_conversation = map.next_value::<Option<IgnoredAny>>()?.is_some();
                }
                "data_sources" => {
                    members.has_data_sources = map.next_value::<Option<IgnoredAny>>()?.is_some();
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

/// Refuses a deciding member that stands twice or in another spelling.
fn mark_seen<E: serde::de::Error>(key: &str, seen: &mut [bool; MEMBERS.len()]) -> Result<(), E> {
    for (name, seen) in MEMBERS.iter().zip(seen) {
        if !name.eq_ignore_ascii_case(key) {
            continue;
        }
        if *name != key {
            return Err(E::custom(format_args!(
                "write the member `{name}` in lower case"
            )));
        }
        if std::mem::replace(seen, true) {
            return Err(E::custom(format_args!("the member `{name}` stands twice")));
        }
    }
    Ok(())
}

/// A member's name, borrowed unless it has escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// What `stream_options` says about `include_usage`.
enum Options<'de> {
    Asked,
    Refused(Cow<'de, str>),
    Absent,
    Unclear,
}

struct OptionsVisitor;

impl<'de> Visitor<'de> for OptionsVisitor {
    type Value = Options<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Options::Absent;
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let value: &'de RawValue = map.next_value()?;
            if key != "include_usage" {
                continue;
            }
            found = match (&found, value.get()) {
                (Options::Absent, "true") => Options::Asked,
                (Options::Absent, raw @ ("false" | "null")) => Options::Refused(raw.into()),
                _ => Options::Unclear,
            };
        }
        Ok(found)
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
