//! One request at a backend, from the swap to its usage record.
//!
//! Whatever ends it (the last byte, a client that hangs up, a backend that breaks off, Envoy or the
//! drain ending the stream), it is accounted for once: by `settle`, or else when it is dropped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::{JoinError, JoinHandle};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::attribution::{self, Seen};
use super::ending::Ending;
use super::limited::Settling;
use super::made::Made;
use super::outgoing::{Answered, End, Outgoing};
use super::pending::Admitted;
use super::reasoning::Answer;
use super::route::{Asked, Attempt};
use super::share::Lease;
use super::state::{Gateway, Recorded};
use super::unsettled;
use crate::access::{Deployment, Endpoint, Known, ObjectChange, Operation, ProductId};
use crate::content::Capture;
use crate::limits::RateLimits;
use crate::telemetry::{Span, enter_trace};
use crate::upstream::Rejections;
use crate::usage::{
    BodyFormat, EstimateInput, FinishReason, Meter, Metered, NoneReason, Outcome, Released,
    Thinking, Units, UsageRecord, UsageSource, estimate,
};

/// Longest name of a region.
const MAX_REGION_BYTES: usize = 64;

/// The record of a request that has ended.
pub(crate) enum Settlement {
    /// It is counted and on its way to the disk.
    Done(Recorded),
    /// Its tokens are being counted; it is written then, whether or not somebody waits.
    Counting(JoinHandle<Result<Recorded, JoinError>>),
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

/// What of a piece of an answer is passed on, and when.
pub(crate) struct Passed {
    /// What the client gets of it.
    pub(crate) released: Released,
    /// The client has the whole answer then.
    pub(crate) is_whole: bool,
    /// It must not have it before the usage has come, which follows at once.
    pub(crate) is_held_back: bool,
}

/// A request that has the identity on it.
pub(crate) struct Transaction {
    gateway: Arc<Gateway>,
    /// Taken when it is settled.
    open: Option<Box<Open>>,
    /// Shutdown waits for it.
    _live: TaskTrackerToken,
}

struct Open {
    outgoing: Outgoing,
    answered: Option<Answered>,
    meter: Option<Meter>,
    ending: Ending,
    /// Where it may have been made, and where it was.
    asked: Asked,
    backend: Option<Arc<str>>,
    region: Option<Arc<str>>,
    time_to_first_token: Option<Duration>,
    made: Made,
}

impl Transaction {
    pub(crate) fn new(gateway: Arc<Gateway>, mut outgoing: Outgoing, asked: Asked) -> Self {
        if let Some(limited) = &mut outgoing.limited {
            limited.sent();
        }
        gateway.metrics.allowed();
        gateway.metrics.began();
        let open = Open {
            outgoing,
            answered: None,
            meter: None,
            ending: Ending::default(),
            asked,
            backend: None,
            region: None,
            time_to_first_token: None,
            made: Made::default(),
        };
        Self {
            _live: gateway.settlements.token(),
            gateway,
            open: Some(Box::new(open)),
        }
    }

    /// How the attempts have ended, of which the last one answers.
    pub(crate) fn attempted(
        &mut self,
        notes: &HashMap<String, Attempt>,
        attempts: Option<u32>,
        answer: &Attempt,
    ) {
        if let Some(open) = &mut self.open
            && open.backend.is_none()
        {
            open.backend = open.asked.learn(notes, attempts, answer);
        }
    }

    /// The region that the backend says it answers from; what no region can be called is left out.
    pub(crate) fn region(&mut self, name: Option<&str>) {
        let is_name = |name: &&str| {
            name.len() <= MAX_REGION_BYTES
                && name
                    .bytes()
                    .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        };
        if let (Some(open), Some(name)) = (&mut self.open, name.filter(is_name)) {
            open.region = Some(name.into());
        }
    }

    /// How many bytes of the request are kept until its end, for an estimate.
    pub(crate) fn kept_bytes(&self) -> usize {
        let open = self.open.as_ref();
        open.map_or(0, |open| open.outgoing.prompt.kept_bytes())
    }

    /// The backend that answers, where the caller may know it.
    pub(crate) fn revealed_backend(&self) -> Option<Arc<str>> {
        let open = self.open.as_ref()?;
        let outgoing = &open.outgoing;
        let mut products = outgoing.admitted.decision.caller.client.products.iter();
        let may_know = match &outgoing.product {
            Some(id) => products.any(|it| it.id == *id && it.reveal_backend),
            // What is of no product, such as the list of models.
            None => products.any(|it| it.reveal_backend),
        };
        open.backend.clone().filter(|_| may_know)
    }

    /// Whether the caller sees what an answer's headers tell of the instance.
    pub(crate) fn keeps_instance_headers(&self) -> bool {
        self.gateway.policy.load().keeps_instance_headers
    }

    /// Whether a backend's answer is about the gateway's identity and not for the caller, who gets
    /// 502 in its place.
    pub(crate) const fn is_identity_rejected(status: u16) -> bool {
        Rejections::is_one(status)
    }

    /// The backend has begun to answer; says whether its body is to be read.
    pub(crate) fn answered(&mut self, answered: Answered) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        open.answered = Some(answered);
        open.ending = Ending::new(answered.content_length);
        open.meter = open.outgoing.meter(answered);
        if open.meter.is_some() {
            open.outgoing.capture_answer(answered.format);
        }
        open.meter.is_some()
    }

    /// What the caller is told of its limits.
    pub(crate) fn rate_limits(&self) -> Option<RateLimits> {
        let limited = self.open.as_ref()?.outgoing.limited.as_ref()?;
        Some(*limited.rate_limits())
    }

    /// Whether the usage event of the answer is to be removed.
    pub(crate) fn changes_length(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.outgoing.remove_usage_event)
    }

    /// Reads the next piece of the answer; `is_end` when it says that no other follows.
    pub(crate) fn feed(&mut self, piece: &[u8], is_end: bool) -> Passed {
        let unread = Passed {
            released: Released::Unchanged,
            is_whole: is_end,
            is_held_back: false,
        };
        let Some(open) = &mut self.open else {
            return unread;
        };
        let Some(meter) = &mut open.meter else {
            return unread;
        };
        let is_stream = open
            .answered
            .is_some_and(|it| it.format == Some(BodyFormat::EventStream));
        let is_whole = open.ending.is_reached_by(piece, is_stream);
        let is_last = is_end || (is_whole && !is_stream);
        let released = meter.feed(piece, is_last);
        if let Some(capture) = &mut open.outgoing.capture {
            capture.feed(piece);
        }
        let admitted = &open.outgoing.admitted;
        if open.time_to_first_token.is_none() && meter.has_text() {
            open.time_to_first_token = Some(admitted.at.elapsed());
        }
        let backend = open.backend.as_ref();
        open.made
            .note(&self.gateway.owners, &open.outgoing, backend, meter);
        // A stream without `[DONE]` ends with the event that has the usage.
        let operation = open.outgoing.admitted.decision.target.endpoint.operation();
        let has_said_all = meter.has_streamed_usage() && !operation.usage_must_be_asked_for();
        Passed {
            released,
            is_whole: is_end || is_whole || has_said_all,
            is_held_back: meter.is_held_back(),
        }
    }

    /// Accounts for the request; `None` if that has been done.
    pub(crate) fn settle(&mut self, end: End) -> Option<Settlement> {
        let open = self.open.take()?;
        let point = open.outgoing.admitted.context.trace_point();
        let _entered = enter_trace(point);
        let closed = open.close(&self.gateway, end);
        let at = SystemTime::now();
        let Closed {
            mut record,
            to_estimate,
            changes,
            lease,
            settling,
            span,
            capture,
        } = closed;
        let Some(input) = to_estimate else {
            let recorded = self.gateway.record(record, changes, settling);
            self.gateway.log_content(capture, &recorded.record);
            self.gateway.end_span(&span, &recorded, at);
            return Some(Settlement::Done(recorded));
        };
        let gateway = Arc::clone(&self.gateway);
        let count = move || {
            let _entered = enter_trace(point);
            record.tokens = estimate(&input);
            let recorded = gateway.record(record, changes, settling);
            gateway.log_content(capture, &recorded.record);
            gateway.end_span(&span, &recorded, at);
            recorded
        };
        let counting = lease.in_turn(count);
        let counting = self
            .gateway
            .settlements
            .spawn_on(counting, &self.gateway.runtime);
        Some(Settlement::Counting(counting))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        drop(self.settle(End::BrokenOff));
    }
}

impl Outgoing {
    /// The meter of an answer whose body is to be read.
    fn meter(&self, answered: Answered) -> Option<Meter> {
        let operation = self.admitted.decision.target.endpoint.operation();
        let format = match (&self.admitted.decision.target.endpoint, answered.status) {
            (Endpoint::Create { .. }, 200..=299 | 400) => answered.format.or_else(|| {
                let is_audio = matches!(
                    operation,
                    Operation::AudioSpeech
                        | Operation::AudioTranscriptions
                        | Operation::AudioTranslations
                );
                (is_audio && !answered.is_encoded).then_some(BodyFormat::Opaque)
            }),
            (stored @ Endpoint::Stored { .. }, 200) if Made::is_shown_by(stored) => answered.format,
            _ => None,
        }?;
        let meter = Meter::new(operation, format, self.remove_usage_event);
        Some(match (self.awaits_usage, format) {
            (true, BodyFormat::EventStream) => meter.holding_back(),
            _ => meter,
        })
    }
}

/// A request that has ended.
struct Closed {
    /// The record, as far as it is known.
    record: UsageRecord,
    /// What its tokens must be estimated from.
    to_estimate: Option<EstimateInput>,
    /// What was made or deleted.
    changes: Vec<ObjectChange>,
    /// The estimate belongs to its client's share, too.
    lease: Arc<Lease>,
    /// What was set aside of its limits.
    settling: Settling,
    span: Span,
    /// Its prompt and answer, where they are logged.
    capture: Option<Box<Capture>>,
}

impl Open {
    fn close(mut self: Box<Self>, gateway: &Gateway, end: End) -> Closed {
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
