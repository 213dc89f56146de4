//! A form for a deployment: audio that is heard, images that are edited.

use super::super::observer::Observer;
use super::super::refusal::Refusal;
use super::change::MODEL;
use super::{BodyChange, BodyDecision, Deciding};
use crate::access::{BodyError, Form, Uses, word};
use crate::usage::{Prompt, Units};

/// The field whose text the model reads.
const PROMPT: &str = "prompt";

/// The field that says in which form a transcription comes, and the forms that say no usage.
const RESPONSE_FORMAT: &str = "response_format";
const PLAIN_FORMATS: [&str; 3] = ["text", "srt", "vtt"];

impl<O: Observer> Deciding<'_, O> {
    /// Authorises the model that the form names; the form is passed on rewritten, with the backend's name for the
    /// granted deployment where it names one.
    pub(super) fn form(
        &mut self,
        content_type: &str,
        body: &[u8],
    ) -> Result<BodyDecision, Refusal> {
        let form = Form::parse(content_type, body)?;
        let model = form.field(MODEL)?;
        let format = form.field(RESPONSE_FORMAT)?;
        let uses = Uses {
            unreported_usage: format.is_some_and(|format| PLAIN_FORMATS.contains(&format)),
            ..Uses::default()
        };
        let grant = self.grant_model(model, &uses)?;
        let word_of = |name| Ok::<_, BodyError>(form.field(name)?.and_then(word).map(Into::into));
        Ok(BodyDecision {
            deployment: Some(grant.deployment),
            product: Some(grant.product.id.clone()),
            stream: form.field("stream")? == Some("true"),
            prompt: form
                .field(PROMPT)?
                .map(Prompt::of_text)
                .or(Some(Prompt::Length(0))),
            units: Units {
                image_size: word_of("size")?,
                image_quality: word_of("quality")?,
                ..Units::default()
            },
            change: BodyChange::Form(content_type.to_owned()),
            ..BodyDecision::default()
        })
    }
}
