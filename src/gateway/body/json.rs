//! A body of JSON for a model.

use super::super::observer::{Observer, Step};
use super::super::refusal::Refusal;
use super::super::stored_at::StoredAt;
use super::{BodyChange, BodyDecision, Deciding, GoesOn};
use crate::access::{
    ApiShape, Edit, IncludeUsage, MediaRequest, Operation, RequestBody, Target, limit_output,
};
use crate::usage::Units;

/// The first dated version of the API that knows `stream_options`
/// (<https://learn.microsoft.com/azure/ai-services/openai/api-version-deprecation>).
const FIRST_VERSION_WITH_STREAM_OPTIONS: &str = "2024-09-01";
/// The first one that takes it with images in the messages: Azure's own SDK for .NET does not send it
/// with them before (<https://github.com/Azure/azure-sdk-for-net>, `AzureChatClient`).
const FIRST_VERSION_WITH_IMAGES_AND_STREAM_OPTIONS: &str = "2024-10-01";

impl<O: Observer> Deciding<'_, O> {
    /// Authorises the model that the body names, and all that it names besides it.
    pub(super) fn json(&mut self, body: &[u8]) -> Result<BodyDecision, Refusal> {
        let target = &self.decision.target;
        let operation = target.endpoint.operation();
        let mut parsed = RequestBody::read(operation, body)?;
        let usage = ask_for_usage(target, &parsed);
        parsed.uses.unreported_usage = !is_usage_reported(operation, &parsed, usage.is_some());
        let grant = self.grant_model(parsed.model_name(), &parsed.uses)?;
        let mut stored_at = StoredAt::default();
        self.check_references(&parsed.references, &mut stored_at)?;
        let options = &self.decision.caller.client.options;
        let user = options.user_of_body(&parsed, body)?;
        if let Some(user) = &user {
            self.observer.step(Step::UserOfBody(user));
        }
        let cap = match options.max_output_tokens {
            Some(limit) => {
                self.observer.step(Step::OutputLimit(limit.get()));
                limit_output(limit, target, &parsed, body)?
            }
            None => None,
        };
        let remove_usage_event = usage.is_some();
        let asked_for = remove_usage_event || parsed.include_usage == IncludeUsage::Requested;
        let is_response = operation == Operation::Responses;
        let is_said_last = is_response || (operation.usage_must_be_asked_for() && asked_for);
        let written = parsed.output.max_output_tokens;
        let written = written.and_then(|span| span.text(body).parse().ok());
        let limit = options
            .max_output_tokens
            .map(|limit| u64::from(limit.get()));
        let output_at_most = parsed.output.at_most(body).or(limit);
        Ok(BodyDecision {
            deployment: Some(grant.deployment),
            product: Some(grant.product.id.clone()),
            user,
            stream: parsed.stream,
            remove_usage_event,
            choices: parsed.output.choices(body),
            awaits_usage: parsed.stream && is_said_last && !parsed.uses.unreported_usage,
            units: units(parsed.media),
            service_tier: parsed.service_tier,
            is_kept: parsed.is_kept,
            stored_at,
            goes_on: (is_response && parsed.uses.background).then_some(GoesOn::Response),
            max_output_tokens: written.or(limit),
            output_at_most,
            change: BodyChange::Json {
                edits: cap.into_iter().chain(usage).collect(),
                model: parsed.model,
            },
            ..BodyDecision::default()
        })
    }
}

/// Images and speech, as the request asks for them.
fn units(asked: MediaRequest) -> Units {
    Units {
        image_size: asked.size.map(Into::into),
        image_quality: asked.quality.map(Into::into),
        characters: asked.characters,
        ..Units::default()
    }
}

/// Whether the service says what the answer costs, as far as the request shows it.
fn is_usage_reported(operation: Operation, parsed: &RequestBody, is_added: bool) -> bool {
    let is_asked_for = is_added || parsed.include_usage == IncludeUsage::Requested;
    match operation {
        // On Your Data takes no `stream_options`.
        _ if operation.usage_must_be_asked_for() && parsed.stream => {
            is_asked_for && !parsed.has_data_sources
        }
        Operation::AudioSpeech => parsed.media.speaks_in_events,
        _ => true,
    }
}

/// `include_usage`, where a stream would have no usage without it.
fn ask_for_usage(target: &Target, parsed: &RequestBody) -> Option<Edit> {
    let first = match parsed.has_images {
        true => FIRST_VERSION_WITH_IMAGES_AND_STREAM_OPTIONS,
        false => FIRST_VERSION_WITH_STREAM_OPTIONS,
    };
    let version = target.api_version.as_ref();
    let is_known = target.shape == ApiShape::V1 || version.is_some_and(|it| it.is_at_least(first));
    let must_be_asked = target.endpoint.operation().usage_must_be_asked_for();
    match &parsed.include_usage {
        IncludeUsage::NotRequested(edit)
            if parsed.stream && must_be_asked && is_known && !parsed.has_data_sources =>
        {
            Some(edit.clone())
        }
        _ => None,
    }
}
