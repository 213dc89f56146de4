//! One request at a backend, from the swap to its usage record.
//!
//! Whatever ends it (the last byte, a client that hangs up, a backend that breaks off, Envoy or the
//! drain ending the stream), it is accounted for once: by `settle`, or else when it is dropped.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::gateway::Gateway;
use super::pending::Admitted;
use crate::access::{Deployment, Endpoint, Operation, ProductId};
use crate::usage::{
    BodyFormat, EstimateInput, EstimateReason, Meter, Metered, NoneReason, Outcome, Prompt,
    Released, TokenCounts, Units, UsageRecord, UsageSource, estimate,
};

/// Where `error.code` says that the content filter refused the prompt, which is billed all the same.
const CONTENT_FILTER: &str = "content_filter";

/// Longest name of a region.
const MAX_REGION_BYTES: usize = 64;

/// What the gateway knows of a request when it goes out.
pub(super) struct Outgoing {
    pub(super) admitted: Admitted,
    pub(super) deployment: Option<Deployment>,
    pub(super) product: Option<ProductId>,
    pub(super) stream: bool,
    /// The usage event was asked for by the gateway, not by the client.
    pub(super) remove_usage_event: bool,
    pub(super) prompt: Prompt,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The last byte came.
    Complete,
    /// It broke off, on whichever side.
    BrokenOff,
}

/// The record of a request that has ended.
pub(super) enum Settlement {
    /// It is written.
    Done(Box<UsageRecord>),
    /// Its tokens are being counted; it is written then, whether or not somebody waits.
    Counting(JoinHandle<Box<UsageRecord>>),
}

/// A request that has the identity on it.
pub(super) struct Transaction {
    gateway: Arc<Gateway>,
    /// Taken when it is settled.
    open: Option<Box<Open>>,
    /// Shutdown waits for it.
    _live: TaskTrackerToken,
}

struct Open {
    outgoing: Outgoing,
    status: Option<u16>,
    meter: Option<Meter>,
    region: Option<Arc<str>>,
    time_to_first_token: Option<Duration>,
    is_remembered: bool,
}

impl Transaction {
    pub(super) fn new(gateway: Arc<Gateway>, outgoing: Outgoing) -> Self {
        gateway.metrics.allowed();
        gateway.metrics.began();
        let open = Open {
            outgoing,
            status: None,
            meter: None,
            region: None,
            time_to_first_token: None,
            is_remembered: false,
        };
        Self {
            _live: gateway.settlements.token(),
            gateway,
            open: Some(Box::new(open)),
        }
    }

    /// The region that the backend says it answers from; what no region can be called is left out.
    pub(super) fn region(&mut self, name: Option<&str>) {
        let is_name = |name: &&str| {
            name.len() <= MAX_REGION_BYTES && name.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if let (Some(open), Some(name)) = (&mut self.open, name.filter(is_name)) {
            open.region = Some(name.into());
        }
    }

    /// The backend has begun to answer; says whether its body is to be read.
    pub(super) fn answered(&mut self, status: u16, format: Option<BodyFormat>) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        open.status = Some(status);
        let outgoing = &open.outgoing;
        let Endpoint::Create { operation, .. } = outgoing.admitted.target.endpoint else {
            return false;
        };
        let is_read = matches!(status, 200..=299 | 400);
        let meter = |format| Meter::new(operation, format, outgoing.remove_usage_event);
        open.meter = format.filter(|_| is_read).map(meter);
        open.meter.is_some()
    }

    /// Whether the usage event of the answer is to be removed.
    pub(super) fn changes_length(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.outgoing.remove_usage_event)
    }

    /// Reads the next piece of the answer.
    pub(super) fn feed(&mut self, piece: &[u8], is_last: bool) -> Released {
        let Some(open) = &mut self.open else {
            return Released::Unchanged;
        };
        let Some(meter) = &mut open.meter else {
            return Released::Unchanged;
        };
        let released = meter.feed(piece, is_last);
        let admitted = &open.outgoing.admitted;
        if open.time_to_first_token.is_none() && meter.has_text() {
            open.time_to_first_token = Some(admitted.at.elapsed());
        }
        let is_response = admitted.target.endpoint.operation() == Operation::Responses;
        if is_response
            && !open.is_remembered
            && let Some(id) = meter.id()
        {
            // Before the client can see the id, and ask for it.
            self.gateway
                .owners
                .remember(id.to_owned(), admitted.caller.client.id.clone());
            open.is_remembered = true;
        }
        released
    }

    /// Accounts for the request; `None` if that has been done.
    pub(super) fn settle(&mut self, end: End) -> Option<Settlement> {
        let (mut record, to_estimate) = self.open.take()?.close(&self.gateway.backend, end);
        let Some(input) = to_estimate else {
            self.gateway.record(&record);
            return Some(Settlement::Done(Box::new(record)));
        };
        let gateway = Arc::clone(&self.gateway);
        let count = move || {
            record.tokens = estimate(&input);
            gateway.record(&record);
            Box::new(record)
        };
        let counting = self
            .gateway
            .settlements
            .spawn_blocking_on(count, &self.gateway.runtime);
        Some(Settlement::Counting(counting))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        drop(self.settle(End::BrokenOff));
    }
}

impl Open {
    /// The record as far as it is known, and what its tokens must be estimated from.
    fn close(
        self: Box<Self>,
        backend: &Arc<str>,
        end: End,
    ) -> (UsageRecord, Option<EstimateInput>) {
        let is_readable = self.meter.is_some();
        let metered = self.meter.map(Meter::finish).unwrap_or_default();
        let endpoint = &self.outgoing.admitted.target.endpoint;
        let source = source(endpoint, self.status, is_readable, &metered, end);
        let Outgoing {
            admitted,
            deployment,
            product,
            stream,
            prompt,
            ..
        } = self.outgoing;
        let model = metered.model.map(Arc::<str>::from);
        let operation = admitted.target.endpoint.operation();
        let response_id = metered.id.filter(|_| operation == Operation::Responses);
        let deployment = deployment.map(|name| name.to_shared());
        let to_estimate = matches!(source, UsageSource::Estimated(_)).then(|| EstimateInput {
            operation,
            model: model
                .clone()
                .or_else(|| deployment.clone())
                .unwrap_or_default(),
            prompt,
            text: metered.text,
            dropped_text_bytes: metered.dropped_text_bytes,
        });
        let record = UsageRecord {
            id: admitted.record,
            started: admitted.started,
            request_id: admitted.request_id,
            trace_id: admitted.trace_id,
            labels: admitted.caller.client.labels.to_json(),
            client: admitted.caller.client.id.to_shared(),
            user: admitted.caller.user,
            credential: admitted.caller.credential.as_str(),
            product: product.map(|id| id.to_shared()),
            operation,
            deployment,
            model,
            backend: Arc::clone(backend),
            region: self.region,
            stream,
            status: self.status,
            tokens: metered.counts.unwrap_or_default(),
            units: Units::default(),
            outcome: Outcome::default(),
            response_id: response_id.map(Arc::from),
            source,
            cost: None,
            duration: admitted.at.elapsed(),
            time_to_first_token: self.time_to_first_token,
        };
        (record, to_estimate)
    }
}

/// Where the counts come from.
fn source(
    endpoint: &Endpoint,
    status: Option<u16>,
    is_readable: bool,
    metered: &Metered,
    end: End,
) -> UsageSource {
    if let (Endpoint::Stored { .. }, _) | (_, Some(300..=399)) = (endpoint, status) {
        // What is stored was counted when it was made.
        return UsageSource::None(NoneReason::Stored);
    }
    match (metered.counts, status) {
        (Some(TokenCounts { .. }), _) => UsageSource::Reported,
        (None, Some(400)) if metered.error_code.as_deref() == Some(CONTENT_FILTER) => {
            UsageSource::Estimated(EstimateReason::ContentFilter)
        }
        (None, Some(400..)) => UsageSource::None(NoneReason::Refused),
        (None, _) if end == End::BrokenOff => UsageSource::Estimated(EstimateReason::Incomplete),
        (None, _) if !is_readable => UsageSource::Estimated(EstimateReason::Unreadable),
        (None, _) => UsageSource::Estimated(EstimateReason::NotReported),
    }
}
