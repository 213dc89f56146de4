//! The request: what is decided about it, and what goes out of it.

use std::sync::Arc;
use std::time::SystemTime;

use envoy_types::pb::envoy::config::core::v3::HeaderMap;
use envoy_types::pb::envoy::service::ext_proc::v3::{HttpBody, HttpHeaders, ProcessingResponse};
use tokio::task::{JoinError, JoinHandle};

use super::{Begun, Exchange, Stage};
use crate::access::Endpoint;
use crate::envoy::{headers, reply, trace, way};
use crate::gateway::{
    self, Admitted, Decided, Forwarded, Reason, Refusal, Transaction, check_content,
};
use crate::telemetry::{Entered, RequestContext, enter_trace};

impl Exchange {
    /// The reply, or none while it waits for room.
    pub(super) fn request_headers(
        &mut self,
        message: &HttpHeaders,
        mut admitted: Admitted,
    ) -> Option<ProcessingResponse> {
        let fields = message.headers.as_ref();
        let removed = headers_to_remove(fields);
        admitted.reach = std::mem::take(&mut self.reach);
        let _entered = self.enter(fields, &mut admitted.context);
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
    pub(super) fn request_body(&mut self, message: HttpBody) -> Option<ProcessingResponse> {
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

    pub(super) fn decided(
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

    pub(super) fn refuse(
        &mut self,
        refusal: &Refusal,
        context: RequestContext,
    ) -> ProcessingResponse {
        self.stage = Stage::New;
        self.gateway.note_refusal(refusal, context);
        reply::refusal(refusal)
    }

    /// The request begins, as a part of what somebody says of its trace. From now on the exchange is there.
    pub(super) fn enter(
        &mut self,
        fields: Option<&HeaderMap>,
        context: &mut RequestContext,
    ) -> Entered {
        let headers = || fields.into_iter().flat_map(headers::of_map);
        let parent = self.parent.take().or_else(|| trace::of_caller(headers()));
        self.gateway.begin_request(parent.as_ref(), context);
        self.point = context.trace_point();
        enter_trace(self.point)
    }

    /// ext_proc saw a request that ext_authz had not allowed in this process.
    pub(super) fn no_decision(&mut self, fields: Option<&HeaderMap>) -> ProcessingResponse {
        let mut context = RequestContext::at(SystemTime::now());
        if let Some(id) = headers::get(fields, "x-request-id") {
            context.request_id = Arc::from(id);
        }
        let _entered = self.enter(fields, &mut context);
        self.refuse(&Reason::NoDecision.into(), context)
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
