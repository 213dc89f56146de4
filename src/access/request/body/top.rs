//! The members of the body itself.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::References;
use super::context::Context;
use super::key::{Key, Seen};
use super::uses::{HostedTool, WrittenDataSource};
use super::walk::{Tools, Walk};
use crate::access::request::media::word;
use crate::access::request::{MediaRequest, Operation};

/// The members that decide something.
const MEMBERS: &[&str] = &[
    "model",
    "stream",
    "stream_options",
    "previous_response_id",
    "conversation",
    "input",
    "messages",
    "tools",
    "data_sources",
    "background",
    "web_search_options",
    "agent",
    "agent_reference",
    "user",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "best_of",
    "prompt",
    "size",
    "quality",
    "stream_format",
    "service_tier",
    "store",
];

/// Members of chats and responses in which nothing of the service's can be named.
const HARMLESS: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "include",
    "instructions",
    "logit_bias",
    "logprobs",
    "max_tool_calls",
    "metadata",
    "modalities",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "stop",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "top_logprobs",
    "top_p",
    "truncation",
    "user_security_context",
    "verbosity",
];

/// Whether an operation's bodies can name tools, and other things besides the model.
fn reads_tools(operation: Operation) -> bool {
    operation.has_response_body() || operation == Operation::ChatCompletions
}

/// What was found; `&RawValue` where the place in the body matters.
#[derive(Default)]
pub(super) struct Top<'de> {
    pub(super) model: Option<&'de RawValue>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<&'de RawValue>,
    pub(super) has_data_sources: bool,
    pub(super) user: Option<&'de RawValue>,
    pub(super) max_tokens: Option<&'de RawValue>,
    pub(super) max_completion_tokens: Option<&'de RawValue>,
    pub(super) max_output_tokens: Option<&'de RawValue>,
    pub(super) service_tier: Option<&'de RawValue>,
    pub(super) n: Option<&'de RawValue>,
    pub(super) best_of: Option<&'de RawValue>,
    pub(super) prompts: u64,
    pub(super) media: MediaRequest,
    pub(super) store: Option<bool>,
    pub(super) found: References,
}

/// Reads the members as one operation means them.
pub(super) struct TopVisitor(Operation);

impl TopVisitor {
    pub(super) const fn new(operation: Operation) -> Self {
        Self(operation)
    }

    /// Reads a member that means the same in every operation; false for any other.
    fn common<'de, A: MapAccess<'de>>(
        &self,
        key: &str,
        map: &mut A,
        top: &mut Top<'de>,
    ) -> Result<bool, A::Error> {
        match key {
            "model" => top.model = Some(map.next_value()?),
            "stream" => top.stream = map.next_value()?,
            "stream_options" => top.stream_options = Some(map.next_value()?),
            "user" => top.user = Some(map.next_value()?),
            "max_tokens" => top.max_tokens = Some(map.next_value()?),
            "max_completion_tokens" => top.max_completion_tokens = Some(map.next_value()?),
            "max_output_tokens" => top.max_output_tokens = Some(map.next_value()?),
            "service_tier" => top.service_tier = Some(map.next_value()?),
            "n" => top.n = Some(map.next_value()?),
            "best_of" => top.best_of = Some(map.next_value()?),
            "data_sources" => {
                let sources: Option<Vec<WrittenDataSource>> = map.next_value()?;
                top.has_data_sources = sources.is_some();
                let sources = sources.unwrap_or_default().into_iter().map(Into::into);
                top.found.uses.data_sources = sources.collect();
            }
            "background" => {
                top.found.uses.background = map.next_value::<Option<bool>>()?.unwrap_or(false);
            }
            "conversation" => {
                top.found.has_conversation = map.next_value::<Option<IgnoredAny>>()?.is_some();
            }
            "previous_response_id" => top.found.previous_response_id = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads a member by what the operation makes of it.
    fn own<'de, A: MapAccess<'de>>(
        &self,
        key: &str,
        map: &mut A,
        top: &mut Top<'de>,
    ) -> Result<(), A::Error> {
        let context = match (self.0, key) {
            (Operation::ChatCompletions, "messages") => Context::Messages,
            (operation, "input") if operation.has_response_body() => Context::Input,
            (operation, "tools") if reads_tools(operation) => {
                return map.next_value_seed(Tools(&mut top.found));
            }
            (Operation::ChatCompletions, "web_search_options") => {
                if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                    top.found.uses.tools.push(HostedTool {
                        kind: "web_search".to_owned(),
                        ..HostedTool::default()
                    });
                }
                return Ok(());
            }
            (Operation::ChatCompletions | Operation::Responses, "store") => {
                top.store = map.next_value()?;
                return Ok(());
            }
            (Operation::Completions, "prompt") => {
                top.prompts = map.next_value_seed(Prompts)?;
                return Ok(());
            }
            (Operation::ImagesGenerations, "size") => {
                top.media.size = map.next_value::<Option<String>>()?.and_then(word);
                return Ok(());
            }
            (Operation::ImagesGenerations, "quality") => {
                top.media.quality = map.next_value::<Option<String>>()?.and_then(word);
                return Ok(());
            }
            (Operation::AudioSpeech, "stream_format") => {
                let format: Option<String> = map.next_value()?;
                top.media.speaks_in_events = format.as_deref() == Some("sse");
                return Ok(());
            }
            (Operation::AudioSpeech, "input") => {
                let Key(text) = map.next_value()?;
                top.media.characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
                return Ok(());
            }
            (operation, name) if !reads_tools(operation) || HARMLESS.contains(&name) => {
                map.next_value::<IgnoredAny>()?;
                return Ok(());
            }
            // Objects by their names, in whatever way the service finds them.
            (_, name @ ("prompt" | "agent" | "agent_reference")) => Context::Unsupported(name),
            (_, name) => Context::of_unknown(name),
        };
        map.next_value_seed(Walk::new(&mut top.found, context))
    }
}

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Top<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut top = Top {
            prompts: 1,
            ..Top::default()
        };
        let mut seen = Seen::none_of(MEMBERS);
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            seen.mark(&key)?;
            if !self.common(&key, &mut map, &mut top)? {
                self.own(&key, &mut map, &mut top)?;
            }
        }
        Ok(top)
    }
}

/// How many prompts there are: a text or a list of tokens is one, a list of those is several
/// (<https://platform.openai.com/docs/api-reference/completions/create#completions-create-prompt>).
struct Prompts;

impl<'de> DeserializeSeed<'de> for Prompts {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Prompts {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a prompt, or a list of prompts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
        let mut count: u64 = 0;
        while let Some(item) = list.next_element::<&'de RawValue>()? {
            count += u64::from(item.get().starts_with(['"', '[']));
        }
        Ok(count.max(1))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<u64, E> {
        Ok(1)
    }

    fn visit_unit<E: Error>(self) -> Result<u64, E> {
        Ok(1)
    }
}
