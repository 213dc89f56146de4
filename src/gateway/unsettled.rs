//! What goes on after the request that asked for it has ended: responses in the background, and batches.
//!
//! Whoever sees its usage first charges for it: the request's own answer, a retrieval, or the gateway
//! when it asks itself (`background`). None of them is charged where the answer breaks off before the
//! usage: it comes whole when the gateway asks.

use std::sync::Arc;

use super::attribution::Seen;
use super::body::{BodyDecision, GoesOn};
use super::made::Made;
use super::outgoing::{End, Outgoing};
use super::pending::Admitted;
use super::refusal::{Reason, Refusal};
use super::state::Gateway;
use crate::access::{
    AskedBy, Endpoint, Known, NoPlace, ObjectOwners, Operation, Place, StoredAction, Unsettled,
};
use crate::unix_time;
use crate::usage::{
    EstimateInput, EstimateReason, NoneReason, Prompt, UsageSource, tokens_of_bytes,
};

/// What a response is taken to have written that can never be asked for, where nobody has said how
/// much it may write.
const ASSUMED_OUTPUT_TOKENS: u64 = 4_096;
/// No model writes more in one answer; a client may have asked for more.
const MAX_OUTPUT_TOKENS: u64 = 128_000;

/// A place for something of the client's that is charged later.
///
/// # Errors
/// The refusal, where the client has as many open as it may.
pub(super) fn place(gateway: &Gateway, admitted: &Admitted) -> Result<Place, Refusal> {
    let client = &admitted.decision.caller.client.id;
    let most = gateway.policy.load().background.max_per_client;
    let place = gateway.owners.places().take(client, most);
    place.map_err(|why| match why {
        NoPlace::OfClient => Refusal::about(Reason::BackgroundLimit, most),
        NoPlace::OfAll => Reason::Overloaded.into(),
    })
}

/// Something that a request begins.
pub(super) fn begin(
    admitted: &Admitted,
    asked: &BodyDecision,
    goes_on: &GoesOn,
    request_bytes: usize,
    place: Place,
) -> Known {
    let decision = &admitted.decision;
    let asked_by = AskedBy {
        at_ms: u64::try_from(unix_time::millis(decision.started)).unwrap_or_default(),
        request_id: Arc::clone(&admitted.context.request_id),
        credential: decision.caller.credential.as_str().into(),
        key_id: decision.caller.key.map(|key| key.id().into()),
        key_sha256: decision.caller.key.map(|key| key.digest().short().into()),
        user: decision.caller.user.clone(),
        labels: decision.caller.client.labels.to_json(),
        service_tier: asked.service_tier.as_deref().map(Arc::from),
        request_bytes: u64::try_from(request_bytes).unwrap_or(u64::MAX),
        max_output_tokens: asked.max_output_tokens,
        operation: None,
        lines: 0,
    };
    let unsettled = |asked_by| {
        let work = Unsettled::new(asked.deployment.clone(), asked.product.clone(), asked_by);
        work.occupy(place);
        Arc::new(work)
    };
    match goes_on {
        GoesOn::Response => Known::Background(unsettled(asked_by)),
        GoesOn::Batch(input) => Known::Batch(unsettled(AskedBy {
            request_bytes: input.bytes,
            operation: Some(input.operation.as_str().into()),
            lines: input.lines,
            ..asked_by
        })),
    }
}

/// Where the counts of a request come from that is about something which goes on without it.
pub(super) fn source_of(
    owners: &ObjectOwners,
    outgoing: &Outgoing,
    made: &mut Made,
    seen: &Seen<'_>,
    source: UsageSource,
) -> UsageSource {
    let Some(work) = outgoing.known.unsettled() else {
        return source;
    };
    let is_batch = matches!(outgoing.known, Known::Batch(_));
    let client = &outgoing.admitted.decision.caller.client.id;
    match seen.endpoint {
        Endpoint::Create { .. } => match (&seen.metered.id, source) {
            // It has not begun, or nobody can ever ask for it.
            (_, UsageSource::None(NoneReason::BackendRefused)) | (None, _) => {
                work.count();
                match source {
                    UsageSource::None(NoneReason::NotCounted) => {
                        UsageSource::Estimated(EstimateReason::Incomplete)
                    }
                    other => other,
                }
            }
            (Some(id), UsageSource::Reported) if work.count() => {
                made.learn(owners, client, id, Known::Nothing);
                source
            }
            // A retrieval was faster.
            (Some(_), UsageSource::Reported) => UsageSource::None(NoneReason::Stored),
            (Some(_), _) => UsageSource::None(NoneReason::Background),
        },
        Endpoint::Stored {
            kind,
            id,
            action: StoredAction::Retrieve | StoredAction::Cancel,
        } => {
            // A batch may say a sum; its lines are charged each.
            if !is_batch && seen.metered.counts.is_some() && work.count() {
                made.learn(owners, client, id, Known::Nothing);
                return UsageSource::Reported;
            }
            let goes_on = seen.end == End::Complete && seen.metered.is_pending;
            if !goes_on && !work.is_counted() {
                owners.hurry(*kind, id);
            }
            source
        }
        _ => source,
    }
}

/// What is charged at least for something that nobody can ever ask for: its client hung up before its id
/// came, and the service goes on.
pub(super) fn assume(outgoing: &Outgoing, source: UsageSource) -> Assumed {
    match (outgoing.known.unsettled(), source) {
        (_, UsageSource::Estimated(EstimateReason::ContentFilter)) | (None, _) => {
            Assumed::default()
        }
        (Some(work), _) => Assumed {
            prompt: matches!(outgoing.known, Known::Batch(_)).then(|| {
                let bytes = usize::try_from(work.asked_by.request_bytes);
                Prompt::Length(bytes.unwrap_or(usize::MAX))
            }),
            output_at_least: assumed_output(&work.asked_by),
        },
    }
}

/// What an estimate has to assume.
#[derive(Default)]
pub(super) struct Assumed {
    /// Another prompt than the request's body: the lines of a batch.
    prompt: Option<Prompt>,
    output_at_least: u64,
}

impl Assumed {
    /// Puts it into what is estimated.
    pub(super) fn put(self, input: &mut EstimateInput) {
        input.output_at_least = self.output_at_least;
        if let Some(prompt) = self.prompt {
            input.prompt = prompt;
        }
    }
}

/// The tokens of a prompt that nobody has counted.
pub(super) fn assumed_input(asked_by: &AskedBy) -> u64 {
    tokens_of_bytes(asked_by.request_bytes)
}

/// What something is taken to have written that can't be asked for.
pub(super) fn assumed_output(asked_by: &AskedBy) -> u64 {
    let said = asked_by.max_output_tokens.unwrap_or(ASSUMED_OUTPUT_TOKENS);
    let each = said.min(MAX_OUTPUT_TOKENS);
    match asked_by.lines_operation() {
        None => each,
        Some(Operation::Embeddings) => 0,
        Some(_) => each.saturating_mul(asked_by.lines),
    }
}
