//! The one reader of a JSON request body: strict, in one pass, without building what it does not need.
//!
//! What decides is read here and nowhere else: the model, what is asked of the answer, and everything
//! that names something besides the model (files, stored items, containers). A member that decides may
//! occur once, spelled exactly: where two parsers read a body differently, one of them authorises what
//! the other one serves. What can't name anything is skipped without recursion (serde_json's
//! `IgnoredAny` keeps its own stack), so nesting costs nothing there; what can is walked to a depth of
//! 128 and 200,000 values.

mod context;
mod key;
mod references;
mod stream_options;
mod top;
mod uses;
mod walk;

use serde::de::Deserializer;
use serde_json::value::RawValue;

pub use references::References;
pub use stream_options::IncludeUsage;
pub use uses::{DataSource, HostedTool, Uses};

use super::{Edit, MediaRequest, Operation, Span};

/// The service tier that costs more
/// (<https://learn.microsoft.com/azure/ai-foundry/openai/concepts/priority-processing>).
const PRIORITY: &str = "priority";

/// The members that say how many tokens an answer may have; what they are worth is seen where a client
/// has a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputMembers {
    /// `max_tokens` of chats and completions.
    pub max_tokens: Option<Span>,
    /// `max_completion_tokens` of chats.
    pub max_completion_tokens: Option<Span>,
    /// `max_output_tokens` of responses.
    pub max_output_tokens: Option<Span>,
    /// `n`: how many answers.
    pub n: Option<Span>,
    /// `best_of` of completions: how many answers are made, of which `n` are given.
    pub best_of: Option<Span>,
    /// How many elements `prompt` of completions has that are answered one by one.
    pub prompts: u64,
}

impl OutputMembers {
    /// How many answers are asked for, as far as it can be read.
    pub fn choices(&self, body: &[u8]) -> u64 {
        let n = self.n.and_then(|span| span.text(body).parse().ok());
        self.prompts.max(1).saturating_mul(n.unwrap_or(1))
    }

    /// How many tokens all answers together may have, as far as the request says it. Of several members the
    /// largest counts: which of them a model obeys is its own.
    pub fn at_most(&self, body: &[u8]) -> Option<u64> {
        let number = |span: Span| span.text(body).parse::<u64>().ok();
        let members = [
            self.max_tokens,
            self.max_completion_tokens,
            self.max_output_tokens,
        ];
        let each = members.into_iter().flatten().filter_map(number).max()?;
        let best_of = self.best_of.and_then(number);
        let answers = best_of.map(|it| it.saturating_mul(self.prompts.max(1)));
        Some(each.saturating_mul(self.choices(body).max(answers.unwrap_or(1))))
    }
}

/// `model` of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// What it names; none where it is `null` or empty.
    pub name: Option<String>,
    /// Where it is written.
    span: Span,
}

impl Model {
    /// Another name in its place.
    pub fn rename(&self, name: &str) -> Edit {
        let text = serde_json::Value::from(name).to_string();
        Edit::Replace(self.span, text.into())
    }
}

/// What the gateway acts on of a request body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBody {
    /// `model`; on the v1 API the name of the deployment.
    pub model: Option<Model>,
    /// `stream`
    pub stream: bool,
    /// What `stream_options` says.
    pub include_usage: IncludeUsage,
    /// Whether the body has `data_sources` (Azure OpenAI On Your Data), which takes no `stream_options`.
    pub has_data_sources: bool,
    /// Whether a message of a chat has an image.
    pub has_images: bool,
    /// `store`: the service keeps the chat, or the response, which it does unless told not to.
    pub is_kept: bool,
    /// `user`, the end user.
    pub user: Option<Span>,
    /// How much may be answered.
    pub output: OutputMembers,
    /// What images and speech are charged by.
    pub media: MediaRequest,
    /// The service tier that is asked for, where it is the dearer one: that is charged where an answer breaks
    /// off before it says its tier. A cheaper one counts only if the service says it.
    pub service_tier: Option<String>,
    /// What the body names that the service has stored.
    pub references: References,
    /// What it asks for besides the model.
    pub uses: Uses,
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not a JSON object, or one of its members is a duplicate or has the wrong type.
    #[error("{0}")]
    Malformed(String),
}

impl RequestBody {
    /// Reads the body of an operation.
    ///
    /// # Errors
    /// [`BodyError::Malformed`], with a text for the person who sent it.
    pub fn read(operation: Operation, body: &[u8]) -> Result<Self, BodyError> {
        let malformed = |error: serde_json::Error| BodyError::Malformed(error.to_string());
        let text = std::str::from_utf8(body)
            .map_err(|error| BodyError::Malformed(format!("it is not UTF-8: {error}")))?;
        let mut parser = serde_json::Deserializer::from_str(text);
        let mut top = parser
            .deserialize_map(top::TopVisitor::new(operation))
            .and_then(|top| parser.end().map(|()| top))
            .map_err(malformed)?;
        let span = |raw| span(raw, body);
        Ok(Self {
            model: top.model.map(|raw| model(raw, body)).transpose()?,
            stream: top.stream.unwrap_or(false),
            include_usage: stream_options::include_usage(body, top.stream_options)?,
            has_data_sources: top.has_data_sources,
            has_images: top.found.has_images,
            is_kept: top.store.unwrap_or(operation == Operation::Responses),
            user: span(top.user)?,
            output: OutputMembers {
                max_tokens: span(top.max_tokens)?,
                max_completion_tokens: span(top.max_completion_tokens)?,
                max_output_tokens: span(top.max_output_tokens)?,
                n: span(top.n)?,
                best_of: span(top.best_of)?,
                prompts: top.prompts,
            },
            media: top.media,
            service_tier: top.service_tier.and_then(|raw| {
                let name: String = serde_json::from_str(raw.get()).ok()?;
                Some(name).filter(|name| name == PRIORITY)
            }),
            uses: std::mem::take(&mut top.found.uses),
            references: top.found,
        })
    }

    /// The model that it names.
    pub fn model_name(&self) -> Option<&str> {
        self.model.as_ref()?.name.as_deref()
    }
}

fn model(raw: &RawValue, body: &[u8]) -> Result<Model, BodyError> {
    let name: Option<String> = serde_json::from_str(raw.get())
        .map_err(|_| BodyError::Malformed("`model` must be a string".to_owned()))?;
    Ok(Model {
        name: name.filter(|name| !name.is_empty()),
        span: located(raw, body)?,
    })
}

/// Where a member's value is.
fn span(raw: Option<&RawValue>, body: &[u8]) -> Result<Option<Span>, BodyError> {
    raw.map(|raw| located(raw, body)).transpose()
}

fn located(raw: &RawValue, body: &[u8]) -> Result<Span, BodyError> {
    let elsewhere = || BodyError::Malformed("it can't be parsed".to_owned());
    Span::of(raw.get(), body).ok_or_else(elsewhere)
}

#[cfg(test)]
mod tests;
