//! Looks through the parts of a body in which something can be named.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::context::Context;
use super::key::{Key, Seen, clip};
use super::references::References;
use super::uses::HostedTool;

/// Most values that are looked at: members and elements at every depth.
pub(super) const MAX_WALKED_VALUES: usize = 200_000;
/// Most ids of a kind that one request may name.
const MAX_IDS: usize = 1000;
/// Longest id of a stored object; Azure's have about 60.
const MAX_ID_CHARACTERS: usize = 256;
/// Most tools of one request; the API allows 128.
const MAX_TOOLS: usize = 1024;
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
/// Members of a tool that decide something.
const TOOL_MEMBERS: &[&str] = &[
    "type",
    "server_url",
    "connector_id",
    "vector_store_ids",
    "model",
    "container",
];

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

/// Whether a tool is run by the caller and not by the service.
fn is_callers_own(kind: &str) -> bool {
    matches!(kind, "function" | "custom")
}

/// Reads a list of tools.
pub(super) struct Tools<'a>(pub(super) &'a mut References);

impl<'de> DeserializeSeed<'de> for Tools<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tools<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tools")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut count = 0;
        while list.next_element_seed(Tool(self.0))?.is_some() {
            count += 1;
            if count > MAX_TOOLS {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_TOOLS} tools"
                )));
            }
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

struct Tool<'a>(&'a mut References);

impl<'de> DeserializeSeed<'de> for Tool<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Tool<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tool")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut tool = HostedTool::default();
        let mut seen = Seen::none_of(TOOL_MEMBERS);
        while let Some(Key(name)) = map.next_key::<Key<'de>>()? {
            seen.mark(&name)?;
            match &*name {
                "type" => tool.kind = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "server_url" => tool.server_url = map.next_value()?,
                "vector_store_ids" => {
                    tool.vector_stores =
                        map.next_value::<Option<Vec<String>>>()?.unwrap_or_default();
                }
                "model" => tool.model = map.next_value()?,
                name => match Context::Tool.of_member(name) {
                    Some(context) => map.next_value_seed(Walk::new(self.0, context))?,
                    None => {
                        map.next_value::<IgnoredAny>()?;
                    }
                },
            }
        }
        // An entry of a list that a server has told of has no type; the service takes no tool without.
        if !tool.kind.is_empty() && !is_callers_own(&tool.kind) {
            tool.kind = clip(&tool.kind);
            self.0.uses.tools.push(tool);
        }
        Ok(())
    }
}
