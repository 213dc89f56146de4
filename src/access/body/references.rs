//! What a body names that the service has stored: responses and their items, files, containers.
//!
//! All clients share one identity at the backend, which would give anything stored to any of them. So
//! the names of these members are looked for in all that the service resolves: the items of `input`,
//! `messages`, and hosted tools. What a caller only quotes there (arguments, schemas, annotations,
//! results of a search) is data, and is passed over. An id in a member that nobody here knows is named as unsupported.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::MAX_WALKED_VALUES;
use super::key::{Key, Seen, clip};
use super::tools::{Tools, Uses};

/// Most ids of a kind that one request may name.
const MAX_IDS: usize = 1000;
/// Longest id of a stored object; Azure's have about 60.
const MAX_ID_CHARACTERS: usize = 256;

/// Members below the top that decide something.
const MEMBERS: &[&str] = &[
    "type",
    "id",
    "role",
    "content",
    "file_id",
    "file_ids",
    "container",
    "container_id",
    "approval_request_id",
    "tools",
    "audio",
];

/// What a body names that the service has stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// `previous_response_id` of the responses API.
    pub previous_response_id: Option<String>,
    /// Whether the body refers to a `conversation` kept by the service.
    pub has_conversation: bool,
    /// Ids of items that earlier responses have made: those that are referred to, and those that are sent again.
    pub items: Vec<String>,
    /// Ids of files.
    pub files: Vec<String>,
    /// Ids of containers that code runs in.
    pub containers: Vec<String>,
    /// The member that names something whose owner can't be checked.
    pub unsupported: Option<String>,
    /// Whether a message of a chat has an image.
    pub(super) has_images: bool,
    /// What is asked for beside the model.
    pub(super) uses: Uses,
    pub(super) walked: usize,
}

/// What is read just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context<'a> {
    /// `input` of responses: a text or a list of items.
    Input,
    Item,
    /// `messages` of chats.
    Messages,
    Message,
    /// `content` of an item or a message: a text or a list of parts.
    Content,
    Part,
    /// One of `tools`.
    Tool,
    /// Whatever else can have an id in it.
    Other,
    /// The id of a file, or several.
    File,
    /// The id of a container; an object describes a new one.
    Container,
    /// The id of an item.
    ItemId,
    /// An id of something else, by the name of the member.
    Unsupported(&'a str),
}

impl<'a> Context<'a> {
    /// What the value of a member is, or none where it is only data.
    pub(super) fn of_member(self, name: &'a str) -> Option<Self> {
        match (self, name) {
            // Text, and what a caller quotes.
            (
                _,
                "type" | "role" | "name" | "text" | "data" | "image_url" | "file_url" | "file_data"
                | "filename" | "arguments" | "parameters" | "schema" | "input_schema" | "format"
                | "description" | "annotations" | "logprobs" | "metadata" | "encrypted_content"
                | "summary" | "call_id" | "tool_call_id",
            )
            | (Self::Tool, "function" | "custom" | "headers")
            | (Self::Message, "id" | "tool_calls" | "function_call")
            | (
                Self::Item,
                "action"
                | "input"
                | "queries"
                | "result"
                | "results"
                | "outputs"
                | "error"
                | "pending_safety_checks"
                | "acknowledged_safety_checks",
            ) => None,
            (_, "file_id" | "file_ids") => Some(Self::File),
            (_, "container" | "container_id") => Some(Self::Container),
            (Self::Item, "id" | "approval_request_id") => Some(Self::ItemId),
            (Self::Item | Self::Message, "content") | (Self::Item, "output") => Some(Self::Content),
            // An answer in speech, said once more by its id.
            (Self::Message, "audio") => Some(Self::Unsupported("audio.id")),
            _ if is_id(name) => Some(Self::Unsupported(name)),
            _ => Some(Self::Other),
        }
    }

    /// What the value of a member of the body is that nobody here knows.
    pub(super) fn of_unknown(name: &'a str) -> Self {
        match is_id(name) {
            true => Self::Unsupported(name),
            false => Self::Other,
        }
    }

    /// What the elements of a list are.
    const fn of_element(self) -> Self {
        match self {
            Self::Input => Self::Item,
            Self::Messages => Self::Message,
            Self::Content => Self::Part,
            other => other,
        }
    }
}

/// Whether a member's name says that its value names something.
fn is_id(name: &str) -> bool {
    name == "id" || name == "ids" || name.ends_with("_id") || name.ends_with("_ids")
}

/// Looks through a value.
pub(super) struct Walk<'a, 'n> {
    found: &'a mut References,
    context: Context<'n>,
}

impl<'a, 'n> Walk<'a, 'n> {
    pub(super) fn new(found: &'a mut References, context: Context<'n>) -> Self {
        Self { found, context }
    }

    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.found.walked += 1;
        match self.found.walked > MAX_WALKED_VALUES {
            true => Err(E::custom(format_args!(
                "more than {MAX_WALKED_VALUES} values where something can be named"
            ))),
            false => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if let Context::Unsupported(name) = self.context {
            self.found.unsupported.get_or_insert_with(|| clip(name));
        }
        let mut seen = Seen::none_of(MEMBERS);
        while let Some(Key(name)) = map.next_key::<Key<'de>>()? {
            self.count()?;
            seen.mark(&name)?;
            if name == "type" && self.context == Context::Part {
                let kind: Option<Key<'de>> = map.next_value()?;
                self.found.has_images |= kind.is_some_and(|Key(kind)| kind == "image_url");
                continue;
            }
            // A server's tools that are told of here, or tools that an item brings with it.
            if name == "tools" && self.context == Context::Item {
                map.next_value_seed(Tools(self.found))?;
                continue;
            }
            match self.context.of_member(&name) {
                Some(context) => map.next_value_seed(Walk::new(self.found, context))?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let context = self.context.of_element();
        while list
            .next_element_seed(Walk::new(self.found, context))?
            .is_some()
        {
            self.count()?;
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let found = self.found;
        let list = match self.context {
            Context::File => &mut found.files,
            Context::Container => &mut found.containers,
            Context::ItemId => &mut found.items,
            Context::Unsupported(name) => {
                found.unsupported.get_or_insert_with(|| clip(name));
                return Ok(());
            }
            _ => return Ok(()),
        };
        if list.len() == MAX_IDS {
            return Err(E::custom(format_args!("more than {MAX_IDS} ids")));
        }
        // A longer one is nobody's.
        list.push(text.chars().take(MAX_ID_CHARACTERS + 1).collect());
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
