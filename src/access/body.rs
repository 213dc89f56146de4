//! What the gateway reads of a JSON request body: little, strictly, without building the rest.
//!
//! A member that decides something may stand once, spelled exactly: where two parsers read a body
//! differently, one of them authorises what the other one serves. Everything else is skipped
//! without recursion (serde_json's `IgnoredAny` keeps its own stack), so nesting costs nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Edit, Place};

/// The members that decide something.
const MEMBERS: [&str; 14] = [
    "model",
    "stream",
    "stream_options",
    "previous_response_id",
    "conversation",
    "input",
    "data_sources",
    "user",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "best_of",
    "prompt",
];

/// What the client said about `stream_options.include_usage`
/// (<https://platform.openai.com/docs/api-reference/chat/create>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncludeUsage {
    /// It asked for the usage event.
    Asked,
    /// It did not; this is where to ask for it.
    NotAsked(Edit),
    /// `stream_options` is something that only the backend can judge.
    Unclear,
}

/// The members that say how many tokens an answer may have; what they are worth is seen where a client
/// has a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputMembers {
    /// `max_tokens` of chats and completions.
    pub max_tokens: Option<Place>,
    /// `max_completion_tokens` of chats.
    pub max_completion_tokens: Option<Place>,
    /// `max_output_tokens` of responses.
    pub max_output_tokens: Option<Place>,
    /// `n`: how many answers.
    pub n: Option<Place>,
    /// `best_of` of completions: how many answers are made, of which `n` are given.
    pub best_of: Option<Place>,
    /// `prompt` of completions: a list of them is answered one by one.
    pub prompt: Option<Place>,
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
    /// `user`, the end user.
    pub user: Option<Place>,
    /// How much may be answered.
    pub output: OutputMembers,
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
        let include_usage = include_usage(body, members.stream_options);
        let place = |raw| place(raw, body);
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
            user: place(members.user)?,
            output: OutputMembers {
                max_tokens: place(members.max_tokens)?,
                max_completion_tokens: place(members.max_completion_tokens)?,
                max_output_tokens: place(members.max_output_tokens)?,
                n: place(members.n)?,
                best_of: place(members.best_of)?,
                prompt: place(members.prompt)?,
            },
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

/// Where a member's value stands.
fn place(raw: Option<&RawValue>, body: &[u8]) -> Result<Option<Place>, BodyError> {
    let elsewhere = || BodyError::Malformed("the body can't be taken apart".to_owned());
    let place = |raw: &RawValue| Place::of(raw.get(), body).ok_or_else(elsewhere);
    raw.map(place).transpose()
}

/// Where to say `include_usage: true` in a body whose `stream_options` are these.
fn include_usage(body: &[u8], options: Option<&RawValue>) -> IncludeUsage {
    let raw = match options.map(RawValue::get) {
        None => {
            let member = r#""stream_options":{"include_usage":true}"#;
            return IncludeUsage::NotAsked(Edit::Add(member.into()));
        }
        Some(null @ "null") => return replace(body, null, r#"{"include_usage":true}"#),
        Some(raw) => raw,
    };
    let mut parser = serde_json::Deserializer::from_str(raw);
    let Ok(found) = parser.deserialize_map(OptionsVisitor) else {
        return IncludeUsage::Unclear;
    };
    match found {
        Options::Asked => IncludeUsage::Asked,
        Options::Refused(value) => replace(body, &value, "true"),
        Options::Absent => {
            let rest = raw.get(1..).unwrap_or_default();
            let comma = if rest.trim_start() == "}" { "" } else { "," };
            replace(body, raw, format!(r#"{{"include_usage":true{comma}{rest}"#))
        }
        Options::Unclear => IncludeUsage::Unclear,
    }
}

/// Replaces a part of the body that was borrowed from it.
fn replace(body: &[u8], part: &str, text: impl Into<Cow<'static, str>>) -> IncludeUsage {
    match Place::of(part, body) {
        Some(place) => IncludeUsage::NotAsked(Edit::Replace(place, text.into())),
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
    user: Option<&'de RawValue>,
    max_tokens: Option<&'de RawValue>,
    max_completion_tokens: Option<&'de RawValue>,
    max_output_tokens: Option<&'de RawValue>,
    n: Option<&'de RawValue>,
    best_of: Option<&'de RawValue>,
    prompt: Option<&'de RawValue>,
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
                "user" => members.user = Some(map.next_value()?),
                "max_tokens" => members.max_tokens = Some(map.next_value()?),
                "max_completion_tokens" => {
                    members.max_completion_tokens = Some(map.next_value()?);
                }
                "max_output_tokens" => members.max_output_tokens = Some(map.next_value()?),
                "n" => members.n = Some(map.next_value()?),
                "best_of" => members.best_of = Some(map.next_value()?),
                "prompt" => members.prompt = Some(map.next_value()?),
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
