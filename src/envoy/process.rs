//! ext_proc: one stream of messages for each request.
//!
//! Every message gets exactly one reply, made at once: nothing here waits, except that a large body is read
//! on another thread, that a decision of another replica may wait for a key of its token's issuer, that the replies to the end of an answer wait for its usage, and that the reply to
//! its last piece waits until its tokens are counted and its record is on the disk. tonic drops the
//! stream whenever Envoy ends it, so what must happen at the end happens in
//! [`Transaction`]'s `Drop`.

mod answer;
mod ending;
mod opening;
mod request;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::ExternalProcessor;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_request::Request as Message;
use envoy_types::pb::envoy::service::ext_proc::v3::{
    HttpHeaders, ProcessingRequest, ProcessingResponse,
};
use futures_core::Stream;
use tokio::task::{JoinError, JoinHandle};
use tonic::{Request, Response, Status, Streaming};

use super::held::Held;
use super::{metadata, reply, trace, way};
use crate::gateway::{self, Admitted, Forwarded, Gateway, Lease, Reach, Recorded, Transaction};
use crate::telemetry::{Parent, TracePoint, enter_trace};
use crate::usage::Receipt;
use answer::attempts;
use opening::Opening;

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
            point: None,
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
    /// Where the request is in its trace, once it has begun.
    point: Option<TracePoint>,
}

/// How far the request has come.
enum Stage {
    /// Nothing has been seen of it, or it was refused: it has no identity.
    New,
    /// Another replica has made its decision, which is looked at here.
    Opening(Opening, HttpHeaders),
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
        let _entered = enter_trace(self.point);
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
                Stage::Opening(opening, _) => {
                    let opened = ready!(opening.as_mut().poll(context));
                    if let Some(reply) = self.opened(opened) {
                        return Poll::Ready(Some(Ok(reply)));
                    }
                    continue;
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
        let attempts = attempts(&message.attributes);
        match message.request? {
            Message::RequestHeaders(message) => self.take_up(message, context),
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
}
