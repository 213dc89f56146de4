//! ext_proc: one stream of messages for each request.
//!
//! Every message gets exactly one reply, made at once: nothing here waits, except that a large body is read
//! on another thread, that the replies to the end of an answer wait for its usage, and that the reply to
//! its last piece waits until its tokens are counted and its record is on the disk. tonic drops the
//! stream whenever Envoy ends it, so what must happen at the end happens in
//! [`Transaction`]'s `Drop`.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime};

use envoy_types::pb::envoy::config::core::v3::HeaderMap;
use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::ExternalProcessor;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_request::Request as Message;
use envoy_types::pb::envoy::service::ext_proc::v3::{
    HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse,
};
use envoy_types::pb::google::protobuf::Struct;
use envoy_types::pb::google::protobuf::value::Kind;
use futures_core::Stream;
use tokio::task::{JoinError, JoinHandle};
use tonic::{Request, Response, Status, Streaming};

use super::held::Held;
use super::reply::ResponseHeaders;
use super::{headers, instance_headers, metadata, rate_limits, reply, trace, way};
use crate::access::Endpoint;
use crate::gateway::{
    self, Admitted, Answered, Attempt, Decided, End, Forwarded, Gateway, Lease, Reach, Reason,
    Recorded, Refusal, Settlement, Transaction, check_content,
};
use crate::telemetry::{Parent, RequestContext};
use crate::usage::{BodyFormat, Receipt, Unwritable};

/// The ext_proc service.
pub struct Processor(Arc<Gateway>);

impl Processor {
    /// A service on the gateway's state.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self(gateway)
    }
}

#[tonic::async_trait]
impl ExternalProcessor for Processor {
    type ProcessStream = Exchange;

    async fn process(
        &self,
        request: Request<Streaming<ProcessingRequest>>,
    ) -> Result<Response<Exchange>, Status> {
        let reach = way::reach(request.metadata());
        let parent = trace::of_call(request.metadata(), self.0.makes_spans());
        Ok(Response::new(Exchange {
            messages: request.into_inner(),
            gateway: Arc::clone(&self.0),
            stage: Stage::New,
            held: Held::default(),
            lease: None,
            reach,
            parent,
        }))
    }
}

/// The messages of one request and the replies to them.
pub struct Exchange {
    messages: Streaming<ProcessingRequest>,
    gateway: Arc<Gateway>,
    stage: Stage,
    held: Held,
    /// Until Envoy ends the exchange, which it does with the request.
    lease: Option<Arc<Lease>>,
    /// Which backends Envoy leads to, until the request has been seen.
    reach: Reach,
    /// Envoy's span of the exchange, where Envoy traces.
    parent: Option<Parent>,
}

/// How far the request has come.
enum Stage {
    /// Nothing has been seen of it, or it was refused: it has no identity.
    New,
    /// It is allowed, and its body is awaited.
    Admitted(Box<Admitted>),
    /// Its body is large and is read on another thread, or it waits for room within its limits.
    Deciding(Deciding, Begun),
    /// It went out with the identity on it.
    Forwarded(Transaction),
    /// Its answer has ended; the reply waits for the count.
    Counting(
        JoinHandle<Result<Recorded, JoinError>>,
        Box<ProcessingResponse>,
    ),
    /// Its answer has ended; the reply waits until the record is on the disk.
    Writing(Receipt, Instant, Box<ProcessingResponse>),
}

/// A decision that is not made at once; none where it has failed.
type Deciding = Pin<Box<dyn Future<Output = Option<Result<Forwarded, gateway::Rejected>>> + Send>>;

/// Which message a decision is the reply to.
enum Begun {
    /// The request's headers, without these.
    Headers(Vec<String>),
    /// Its body.
    Body,
}

impl Stream for Exchange {
    type Item = Result<ProcessingResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(reply) = self.held.next() {
                return Poll::Ready(Some(Ok(reply)));
            }
            match &mut self.stage {
                Stage::Counting(counting, _) => {
                    let counted = ready!(Pin::new(counting).poll(context));
                    let Ok(counted) = counted.flatten() else {
                        return Poll::Ready(Some(Err(self.uncounted())));
                    };
                    if let Some(reply) = self.counted(counted) {
                        return Poll::Ready(Some(Ok(reply)));
                    }
                    continue;
                }
                Stage::Writing(receipt, ..) => {
                    let written = ready!(Pin::new(receipt).poll(context));
                    return Poll::Ready(self.written(written));
                }
                Stage::Deciding(deciding, _) => {
                    let decided = ready!(deciding.as_mut().poll(context));
                    let begun = match std::mem::replace(&mut self.stage, Stage::New) {
                        Stage::Deciding(_, begun) => begun,
                        _ => Begun::Body,
                    };
                    let Some(decided) = decided else {
                        let failed = Status::internal("the body could not be read");
                        return Poll::Ready(Some(Err(failed)));
                    };
                    return Poll::Ready(Some(Ok(self.decided(decided, begun))));
                }
                Stage::New | Stage::Admitted(_) | Stage::Forwarded(_) => {}
            }
            let message = match Pin::new(&mut self.messages).poll_next(context) {
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
                Poll::Pending => {
                    ready!(self.held.poll_over(context));
                    continue;
                }
            };
            if let Some(reply) = self.reply_to(message) {
                return Poll::Ready(Some(Ok(reply)));
            }
            // The reply waits, and is made above.
        }
    }
}

impl Exchange {
    /// The reply, or none while it waits for the count.
    fn reply_to(&mut self, message: ProcessingRequest) -> Option<ProcessingResponse> {
        let context = message.metadata_context.as_ref();
        let decision = metadata::decision(context);
        let attempts = attempts(&message.attributes);
        match message.request? {
            Message::RequestHeaders(message) => {
                let admitted = decision.and_then(|id| self.gateway.take(id));
                self.lease = admitted.as_ref().map(|it| Arc::clone(&it.lease));
                self.request_headers(&message, admitted)
            }
            Message::RequestBody(message) => self.request_body(message),
            Message::ResponseHeaders(headers) => {
                let notes = metadata::attempts(context);
                self.response_headers(&headers, attempts, &notes)
            }
            Message::ResponseBody(message) => self.response_body(&message),
            Message::RequestTrailers(_) => Some(reply::request_trailers()),
            Message::ResponseTrailers(_) => self.ended(reply::response_trailers()),
        }
    }

    /// The reply, or none while it waits for room.
    fn request_headers(
        &mut self,
        message: &HttpHeaders,
        admitted: Option<Admitted>,
    ) -> Option<ProcessingResponse> {
        let fields = message.headers.as_ref();
        let Some(mut admitted) = admitted else {
            return Some(self.no_decision(fields));
        };
        let removed = headers_to_remove(fields);
        admitted.reach = std::mem::take(&mut self.reach);
        let parent = self.parent_of(fields);
        self.gateway
            .begin_request(parent.as_ref(), &mut admitted.context);
        Some(match &admitted.decision.target.endpoint {
            Endpoint::Stored { .. } | Endpoint::Models | Endpoint::Realtime { .. } => {
                let decided = gateway::without_body(&self.gateway, admitted);
                return self.begin(decided, Begun::Headers(removed));
            }
            Endpoint::Create { .. } if message.end_of_stream => {
                self.refuse(&Reason::BodyEmpty.into(), admitted.context)
            }
            Endpoint::Create { .. } => {
                let all = fields.into_iter().flat_map(headers::of_map);
                let decision = &admitted.decision;
                // ext_authz may have been shown no length.
                let checked = decision.check_announced(all.clone());
                let checked = checked.and_then(|()| check_content(&decision.target, all));
                if let Err(refusal) = checked {
                    return Some(self.refuse(&refusal, admitted.context));
                }
                let content_type = headers::get(fields, "content-type");
                admitted.content_type = content_type.unwrap_or_default().to_owned();
                self.stage = Stage::Admitted(Box::new(admitted));
                reply::continue_to_body(removed)
            }
        })
    }

    /// The reply, or none while a large body is read or it waits for room.
    fn request_body(&mut self, message: HttpBody) -> Option<ProcessingResponse> {
        match std::mem::replace(&mut self.stage, Stage::New) {
            // A part of a body says nothing: Envoy has to buffer it.
            Stage::Admitted(admitted) if message.end_of_stream => {
                admitted.lease.holds(message.body.len());
                if message.body.len() > gateway::MAX_BODY_READ_HERE_BYTES {
                    let reading = self.gateway.create_elsewhere(*admitted, message.body);
                    self.stage = Stage::Deciding(Box::pin(elsewhere(reading)), Begun::Body);
                    return None;
                }
                let decided = gateway::create(&self.gateway, *admitted, message.body);
                self.begin(decided, Begun::Body)
            }
            // A body after a request that needs none; it has the identity already.
            Stage::Forwarded(transaction) => {
                self.stage = Stage::Forwarded(transaction);
                Some(reply::request_body(Vec::new(), None))
            }
            _ => Some(self.no_decision(None)),
        }
    }

    fn begin(&mut self, decided: Decided, begun: Begun) -> Option<ProcessingResponse> {
        match decided {
            Decided::Now(decided) => Some(self.decided(decided, begun)),
            Decided::Later(later) => {
                self.stage = Stage::Deciding(Box::pin(async { Some(later.await) }), begun);
                None
            }
        }
    }

    fn decided(
        &mut self,
        decided: Result<Forwarded, gateway::Rejected>,
        begun: Begun,
    ) -> ProcessingResponse {
        match (decided, begun) {
            (Ok(forwarded), Begun::Body) => self.forward(forwarded, reply::request_body),
            (Ok(forwarded), Begun::Headers(removed)) => self.forward(forwarded, |headers, _| {
                reply::request_headers(headers, removed)
            }),
            (Err(rejected), _) => self.refuse(&rejected.refusal, *rejected.context),
        }
    }

    fn response_headers(
        &mut self,
        message: &HttpHeaders,
        attempts: Option<u32>,
        notes: &HashMap<String, Attempt>,
    ) -> Option<ProcessingResponse> {
        let Stage::Forwarded(transaction) = &mut self.stage else {
            // Envoy's own answer to a request that never went out.
            return Some(reply::response_headers(false, ResponseHeaders::default()));
        };
        let map = message.headers.as_ref();
        let is_encoded =
            headers::get(map, "content-encoding").is_some_and(|coding| coding != "identity");
        let format = headers::get(map, "content-type").and_then(body_format);
        let format = format.filter(|_| !is_encoded);
        let number = |name| headers::get(map, name).and_then(|value| value.parse().ok());
        let answered = Answered {
            status: headers::get(map, ":status")
                .and_then(|status| status.parse().ok())
                .unwrap_or(0),
            format,
            is_encoded,
            content_length: number("content-length"),
            attempts,
        };
        if let Some(lease) = &self.lease {
            // Envoy tries no more, and keeps the body no longer.
            lease.holds(transaction.kept_bytes());
        }
        transaction.attempted(notes, attempts, answered.status);
        transaction.region(headers::get(map, "x-ms-region"));
        let is_read = transaction.answered(answered);
        if Transaction::is_identity_rejected(answered.status) {
            return self.ended(reply::refusal(&Reason::IdentityRejected.into()));
        }
        let changes_length =
            is_read && format == Some(BodyFormat::EventStream) && transaction.changes_length();
        let mut changes = changed_headers(transaction, map);
        if changes_length {
            changes.removed.push("content-length".to_owned());
        }
        let reply = reply::response_headers(is_read, changes);
        match is_read && !message.end_of_stream {
            true => Some(reply),
            false => self.ended(reply),
        }
    }

    fn response_body(&mut self, message: &HttpBody) -> Option<ProcessingResponse> {
        let Stage::Forwarded(transaction) = &mut self.stage else {
            return Some(reply::response_body_unchanged());
        };
        let passed = transaction.feed(&message.body, message.end_of_stream);
        let reply = reply::response_body(passed.released);
        match passed.is_whole {
            true => self.ended(reply),
            false => self
                .held
                .pass(reply, message.body.len(), passed.is_held_back),
        }
    }

    /// The answer is complete: the usage goes with the last reply.
    fn ended(&mut self, reply: ProcessingResponse) -> Option<ProcessingResponse> {
        self.held.release();
        let settlement = match &mut self.stage {
            Stage::Forwarded(transaction) => transaction.settle(End::Complete),
            _ => None,
        };
        match settlement {
            Some(Settlement::Done(recorded)) => self.recorded(recorded, reply),
            Some(Settlement::Counting(counting)) => {
                self.stage = Stage::Counting(counting, Box::new(reply));
                None
            }
            None => self.held.after(reply),
        }
    }

    fn counted(&mut self, recorded: Recorded) -> Option<ProcessingResponse> {
        match std::mem::replace(&mut self.stage, Stage::New) {
            Stage::Counting(_, reply) => self.recorded(recorded, *reply),
            _ => None,
        }
    }

    /// The count has failed, and with it the record: the client does not get a whole answer.
    fn uncounted(&mut self) -> Status {
        tracing::error!("a request could not be counted, and has no record");
        self.stage = Stage::New;
        Status::internal("the request could not be counted")
    }

    /// The reply, or none while it waits for the disk.
    fn recorded(
        &mut self,
        recorded: Recorded,
        mut reply: ProcessingResponse,
    ) -> Option<ProcessingResponse> {
        reply.dynamic_metadata = Some(metadata::of_usage(&recorded.record));
        match recorded.receipt {
            Some(receipt) => {
                self.stage = Stage::Writing(receipt, Instant::now(), Box::new(reply));
                None
            }
            None => self.held.after(reply),
        }
    }

    /// A record that is lost ends the stream: Envoy ends the answer, and the client sees that it is not
    /// whole.
    fn written(
        &mut self,
        written: Result<(), Unwritable>,
    ) -> Option<Result<ProcessingResponse, Status>> {
        match (std::mem::replace(&mut self.stage, Stage::New), written) {
            (Stage::Writing(_, ended, reply), Ok(())) => {
                self.gateway.note_record(ended.elapsed());
                Some(Ok(*reply))
            }
            (Stage::Writing(..), Err(Unwritable)) => Some(Err(Status::unavailable(
                "the usage record could not be written",
            ))),
            _ => None,
        }
    }

    /// Lets it out to the one backend, or to those that are chosen for it.
    fn forward(
        &mut self,
        forwarded: Forwarded,
        reply: impl FnOnce(Vec<reply::Header>, Option<Vec<u8>>) -> ProcessingResponse,
    ) -> ProcessingResponse {
        let Forwarded {
            outgoing,
            way,
            asked,
            rewritten,
        } = forwarded;
        // An answer that can be read.
        let mut fields = vec![headers::set("accept-encoding", b"identity")];
        let (body, content_type) = match rewritten {
            Some(rewritten) => (Some(rewritten.body), rewritten.content_type),
            None => (None, None),
        };
        let content_type = content_type.as_deref();
        fields.extend(content_type.map(|it| headers::set("content-type", it.as_bytes())));
        fields.extend(way::headers(&way));
        let gateway = Arc::clone(&self.gateway);
        self.stage = Stage::Forwarded(Transaction::new(gateway, outgoing, asked));
        way::routed(reply(fields, body), &way)
    }

    fn refuse(&mut self, refusal: &Refusal, context: RequestContext) -> ProcessingResponse {
        self.stage = Stage::New;
        self.gateway.note_refusal(refusal, context);
        reply::refusal(refusal)
    }

    /// What the request's span is a part of, if anybody says it.
    fn parent_of(&mut self, fields: Option<&HeaderMap>) -> Option<Parent> {
        let headers = || fields.into_iter().flat_map(headers::of_map);
        self.parent.take().or_else(|| trace::of_caller(headers()))
    }

    /// ext_proc saw a request that ext_authz had not allowed in this process.
    fn no_decision(&mut self, fields: Option<&HeaderMap>) -> ProcessingResponse {
        let mut context = RequestContext::at(SystemTime::now());
        if let Some(id) = headers::get(fields, "x-request-id") {
            context.request_id = Arc::from(id);
        }
        let parent = self.parent_of(fields);
        self.gateway.begin_request(parent.as_ref(), &mut context);
        self.refuse(&Reason::NoDecision.into(), context)
    }
}

/// What changes of an answer's headers: what they tell of the instance, and of the caller's own limits.
fn changed_headers(transaction: &Transaction, map: Option<&HeaderMap>) -> ResponseHeaders {
    let own = transaction.rate_limits();
    let own = rate_limits::of(&own.unwrap_or_default());
    let mut removed = instance_headers::hidden(map, transaction.keeps_instance_headers());
    if !own.is_empty() {
        // The service's figures beside the caller's would be of another limit.
        removed.extend(rate_limits::names_in(map));
    }
    let own = own.iter();
    let own = own.map(|(name, value)| headers::set(name, value.as_bytes()));
    let backend = transaction.revealed_backend();
    let backend = backend.map(|name| instance_headers::backend(&name));
    ResponseHeaders {
        removed,
        set: own.chain(backend).collect(),
    }
}

/// A decision about a large body.
async fn elsewhere(
    reading: JoinHandle<Result<Decided, JoinError>>,
) -> Option<Result<Forwarded, gateway::Rejected>> {
    match reading.await.flatten().ok()? {
        Decided::Now(decided) => Some(decided),
        Decided::Later(later) => Some(later.await),
    }
}

/// What stays here of a request's headers, as far as Envoy shows them.
fn headers_to_remove(fields: Option<&HeaderMap>) -> Vec<String> {
    let names = fields.into_iter().flat_map(headers::of_map);
    let stay = names.filter(|(name, _)| !gateway::is_passed_on(name));
    stay.map(|(name, _)| name.to_owned()).collect()
}

/// How often Envoy tried, if it is set up to say so (`response_attributes`).
fn attempts(attributes: &HashMap<String, Struct>) -> Option<u32> {
    let of_filter = attributes.values().next()?;
    let value = of_filter.fields.get("upstream.request_attempt_count")?;
    match value.kind.as_ref()? {
        Kind::NumberValue(count) => format!("{count:.0}").parse().ok(),
        _ => None,
    }
}

/// The kind of body that a `content-type` names.
fn body_format(content_type: &str) -> Option<BodyFormat> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence {
        _ if essence.eq_ignore_ascii_case("application/json") => Some(BodyFormat::Json),
        _ if essence.eq_ignore_ascii_case("text/event-stream") => Some(BodyFormat::EventStream),
        _ => None,
    }
}
