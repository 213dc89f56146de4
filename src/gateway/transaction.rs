//! One request at a backend, from the swap to its usage record.
//!
//! Whatever ends it (the last byte, a client that hangs up, a backend that breaks off, Envoy or the
//! drain ending the stream), it is accounted for once: by `settle`, or else when it is dropped.

mod closed;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::{JoinError, JoinHandle};
use tokio_util::task::task_tracker::TaskTrackerToken;

use closed::Closed;

use super::ending::Ending;
use super::made::Made;
use super::outgoing::{Answered, End, Outgoing};
use super::route::{Asked, Attempt};
use super::state::{Gateway, Recorded};
use crate::access::{Endpoint, Operation};
use crate::limits::RateLimits;
use crate::telemetry::enter_trace;
use crate::upstream::Rejections;
use crate::usage::{BodyFormat, Meter, Released, estimate};

/// Longest name of a region.
const MAX_REGION_BYTES: usize = 64;

/// The record of a request that has ended.
pub(crate) enum Settlement {
    /// It is counted and on its way to the disk.
    Done(Recorded),
    /// Its tokens are being counted; it is written then, whether or not somebody waits.
    Counting(JoinHandle<Result<Recorded, JoinError>>),
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
