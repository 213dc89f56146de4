//! The end of a request: what its record says, what must be estimated, and what becomes of what it has made.

use std::sync::Arc;

use super::Open;
use crate::access::{Deployment, Endpoint, Known, ObjectChange, Operation, ProductId};
use crate::content::Capture;
use crate::gateway::attribution::{self, Seen};
use crate::gateway::limited::Settling;
use crate::gateway::outgoing::{End, Outgoing};
use crate::gateway::pending::Admitted;
use crate::gateway::reasoning::Answer;
use crate::gateway::share::Lease;
use crate::gateway::state::Gateway;
use crate::gateway::unsettled;
use crate::telemetry::Span;
use crate::usage::{
    EstimateInput, FinishReason, Meter, Metered, NoneReason, Outcome, Thinking, Units, UsageRecord,
    UsageSource,
};

/// A request that has ended.
pub(super) struct Closed {
    /// The record, as far as it is known.
    pub(super) record: UsageRecord,
    /// What its tokens must be estimated from.
    pub(super) to_estimate: Option<EstimateInput>,
    /// What was made or deleted.
    pub(super) changes: Vec<ObjectChange>,
    /// The estimate belongs to its client's share, too.
    pub(super) lease: Arc<Lease>,
    /// What was set aside of its limits.
    pub(super) settling: Settling,
    pub(super) span: Span,
    /// Its prompt and answer, where they are logged.
    pub(super) capture: Option<Box<Capture>>,
}

impl Open {
    pub(super) fn close(mut self: Box<Self>, gateway: &Gateway, end: End) -> Closed {
        let is_readable = self.meter.is_some();
        let mut metered = self.meter.take().map(Meter::finish).unwrap_or_default();
        let status = self.answered.map(|it| it.status);
        let endpoint = &self.outgoing.admitted.decision.target.endpoint;
        let seen = Seen {
            endpoint,
            status,
            is_readable,
            metered: &metered,
            end,
        };
        let source = attribution::of(&seen);
        let owners = &gateway.owners;
        let source = unsettled::source_of(owners, &self.outgoing, &mut self.made, &seen, source);
        if let (Known::Background(work), Endpoint::Stored { .. }, UsageSource::Reported) =
            (&self.outgoing.known, endpoint, source)
        {
            self.outgoing.deployment.clone_from(&work.deployment);
            self.outgoing.product.clone_from(&work.product);
        }
        if source == UsageSource::None(NoneReason::Stored) {
            // Of what was made before, and recorded then.
            (metered.model, metered.finish_reason) = (None, None);
            metered.service_tier = None;
        }
        let thinking = self.thinking(gateway, source, &metered);
        if !matches!(source, UsageSource::Reported) {
            metered.counts = None;
        }
        let outcome = self.outcome(&mut metered, is_readable);
        let made = std::mem::take(&mut self.made);
        let changes = made.end(&gateway.owners, &self.outgoing, status);
        // One that ended before its answer began was at the first.
        let backend = self.backend.take().or_else(|| self.asked.first());
        let backend = backend.unwrap_or_default();
        let assumed = unsettled::assume(&self.outgoing, source);
        let lease = Arc::clone(&self.outgoing.admitted.lease);
        let span = self.outgoing.admitted.context.span.clone();
        let settling = Settling {
            is_stored: matches!(endpoint, Endpoint::Stored { .. }),
            limited: self.outgoing.limited.take(),
        };
        let capture = self.outgoing.capture.take();
        let (record, mut to_estimate) = self.record(&backend, metered, source, outcome, thinking);
        if let Some(input) = &mut to_estimate {
            assumed.put(input);
        }
        Closed {
            record,
            to_estimate,
            changes,
            lease,
            settling,
            span,
            capture,
        }
    }

    /// Learns how fast the deployment reasons, or says what it may have reasoned.
    fn thinking(
        &self,
        gateway: &Gateway,
        source: UsageSource,
        metered: &Metered,
    ) -> Option<Thinking> {
        let answer = Answer {
            outgoing: &self.outgoing,
            answered: self.answered,
            model: metered.model.as_deref(),
            until_text: self.time_to_first_token,
        };
        match (source, &metered.counts) {
            (UsageSource::Reported, Some(counts)) => {
                answer.teach(&gateway.reasoning, counts);
                None
            }
            (UsageSource::Estimated(_), _) => answer.thinking(&gateway.reasoning),
            _ => None,
        }
    }

    fn outcome(&self, metered: &mut Metered, is_readable: bool) -> Outcome {
        let answered = self.answered.unwrap_or_default();
        let status = self.answered.map(|it| it.status);
        let finish_reason = attribution::finish_reason(status, metered);
        Outcome {
            finish_reason,
            filtered: finish_reason == Some(FinishReason::ContentFilter),
            system_fingerprint: metered.system_fingerprint.take().map(Into::into),
            attempts: answered.attempts.unwrap_or(1),
            request_bytes: u64::try_from(self.outgoing.request_bytes).unwrap_or(u64::MAX),
            response_bytes: match is_readable {
                true => Some(metered.bytes),
                false => answered.content_length,
            },
        }
    }

    fn record(
        self: Box<Self>,
        backend: &Arc<str>,
        metered: Metered,
        source: UsageSource,
        outcome: Outcome,
        thinking: Option<Thinking>,
    ) -> (UsageRecord, Option<EstimateInput>) {
        let Outgoing {
            admitted,
            deployment,
            product,
            stream,
            prompt,
            units,
            service_tier,
            ..
        } = self.outgoing;
        let model = metered.model.map(Arc::<str>::from);
        let operation = admitted.decision.target.endpoint.operation();
        let service_tier = tier_of(source, operation, metered.service_tier, service_tier);
        let response_id = metered.id.filter(|_| operation == Operation::Responses);
        let deployment_pattern = pattern_of(&admitted, deployment.as_ref(), product.as_ref());
        let deployment = deployment.map(|name| name.to_shared());
        let key = admitted.decision.caller.key;
        let to_estimate = matches!(source, UsageSource::Estimated(_)).then(|| EstimateInput {
            operation,
            model: model
                .clone()
                .or_else(|| deployment.clone())
                .unwrap_or_default(),
            prompt,
            text: metered.text,
            dropped_text_bytes: metered.dropped_text_bytes,
            thinking,
            output_at_least: 0,
        });
        let record = UsageRecord {
            id: admitted.record,
            started: admitted.decision.started,
            request_id: admitted.context.request_id,
            trace_id: admitted.context.trace_id,
            labels: admitted.decision.caller.client.labels.to_json(),
            client: admitted.decision.caller.client.id.to_shared(),
            user: admitted.decision.caller.user,
            credential: admitted.decision.caller.credential.as_str(),
            key_id: key.map(|key| key.id().into()),
            key_sha256: key.map(|key| key.digest().short().into()),
            product: product.map(|id| id.to_shared()),
            operation,
            deployment,
            deployment_pattern,
            model,
            service_tier: service_tier.map(Arc::from),
            backend: Arc::clone(backend),
            region: self.region,
            stream,
            status: self.answered.map(|it| it.status),
            tokens: metered.counts.unwrap_or_default(),
            units: units_of(metered.units, units),
            outcome,
            response_id: response_id.map(Arc::from),
            source,
            cost: None,
            duration: admitted.at.elapsed(),
            time_to_first_token: self.time_to_first_token,
        };
        (record, to_estimate)
    }
}

/// The tier that answered. One that breaks off has not said it: what the first event of a response says of it
/// only repeats the request.
fn tier_of(
    source: UsageSource,
    operation: Operation,
    said: Option<String>,
    asked: Option<String>,
) -> Option<String> {
    match source {
        UsageSource::Estimated(_) => said.filter(|_| operation != Operation::Responses).or(asked),
        _ => said,
    }
}

/// What the answer says, and else what the request asks for.
fn units_of(said: Units, asked: Units) -> Units {
    Units {
        image_size: said.image_size.or(asked.image_size),
        image_quality: said.image_quality.or(asked.image_quality),
        characters: asked.characters,
        ..said
    }
}

/// The pattern by which a product has a deployment; none where it lists it by its name.
fn pattern_of(
    admitted: &Admitted,
    deployment: Option<&Deployment>,
    product: Option<&ProductId>,
) -> Option<Arc<str>> {
    let (deployment, id) = deployment.zip(product)?;
    let mut products = admitted.decision.caller.client.products.iter();
    let product = products.find(|it| it.id == *id)?;
    product.deployments.pattern_of(deployment).cloned()
}
