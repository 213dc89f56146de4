//! ext_authz: who is calling, and may it ask for this?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Request, Response, Status};

use super::{headers, metadata, rate_limits, trace};
use crate::access::Client;
use crate::auth::CREDENTIAL_HEADERS;
use crate::gateway::{Allowed, Basis, Gateway, Head, Kept, Refusal, SUBPROTOCOLS, decide_head};
use crate::telemetry::{RequestContext, during_trace, enter_trace};
use crate::usage::TraceId;

/// Headers of a caller that a backend must not see: with them it could choose a deployment that
/// it may not use (<https://learn.microsoft.com/azure/ai-services/openai/how-to/spillover-traffic-management>,
/// <https://learn.microsoft.com/azure/ai-services/openai/how-to/responses>).
const FORBIDDEN_HEADERS: [&str; 2] = [
    "x-ms-spillover-deployment",
    "x-ms-oai-image-generation-deployment",
];

/// Where Envoy's configuration says the caller's address, with trusted hops counted. It is metadata of
/// Envoy's own call: no header of a caller gets there.
const CALLER_ADDRESS: &str = "tollgate-caller-address";

/// The ext_authz service.
pub struct Authz(Arc<Gateway>);

impl Authz {
    /// A service on the gateway's state.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self(gateway)
    }

    /// Decides about a request, and remembers the decision for ext_proc.
    async fn decide(
        &self,
        http: &HttpRequest,
        sender: &Sender,
        context: &mut RequestContext,
    ) -> Result<CheckResponse, Refusal> {
        let policy = self.0.policy();
        let rules = self.0.rules(&policy);
        let head = Head {
            method: &http.method,
            path: &http.path,
            certificate: &sender.certificate,
            address: sender.address,
        };
        let decided = decide_head(&rules, &head, headers::of_check(http), context, &mut ()).await?;
        let Allowed {
            decision,
            proof,
            subprotocols,
        } = decided;
        let client = Arc::clone(&decision.caller.client);
        let basis = Basis::new(&policy, proof);
        let kept = self.0.keep(head.method, decision, basis, context.clone())?;
        Ok(allowed(kept, &client, &subprotocols, context.trace_id))
    }
}

#[tonic::async_trait]
impl Authorization for Authz {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let began = Instant::now();
        let said = request.metadata().get(CALLER_ADDRESS).map(said_address);
        let parent = trace::of_call(request.metadata(), self.0.makes_spans());
        let attributes = request.into_inner().attributes.unwrap_or_default();
        let sender = Sender::new(said, attributes.source.unwrap_or_default());
        let http = attributes.request.and_then(|it| it.http);
        let http = http.ok_or_else(|| Status::invalid_argument("the check has no HTTP request"))?;
        let parent = parent.or_else(|| trace::of_caller(headers::of_check(&http)));
        let mut context = RequestContext::at(SystemTime::now());
        self.0.begin_decision(parent.as_ref(), &mut context);
        let point = context.trace_point();
        let decided = during_trace(point, self.decide(&http, &sender, &mut context)).await;
        let _entered = enter_trace(point);
        self.0.note_decision(began.elapsed(), decided.is_ok());
        let response = match decided {
            Ok(response) => {
                Gateway::end_decision(&context);
                response
            }
            Err(refusal) => {
                let response = denied(&refusal, &context);
                self.0.note_refusal(&refusal, context);
                response
            }
        };
        Ok(Response::new(response))
    }
}

fn said_address(value: &MetadataValue<Ascii>) -> Option<IpAddr> {
    value.to_str().ok()?.parse().ok()
}

/// The other end of the connection, as Envoy describes it.
struct Sender {
    certificate: String,
    /// Where the caller is; a Unix socket has no address.
    address: Option<IpAddr>,
}

impl Sender {
    /// What the metadata says comes first: the peer may be a load balancer.
    fn new(said: Option<Option<IpAddr>>, peer: Peer) -> Self {
        let address = match (said, peer.address.and_then(|it| it.address)) {
            (Some(said), _) => said,
            (None, Some(Address::SocketAddress(socket))) => socket.address.parse().ok(),
            (None, _) => None,
        };
        Self {
            certificate: peer.certificate,
            address,
        }
    }
}

/// Nothing that the caller authenticated with is passed on, nor who its user is.
fn headers_to_remove(client: &Client) -> Vec<String> {
    let names = CREDENTIAL_HEADERS.iter().chain(&FORBIDDEN_HEADERS).copied();
    let names = names.chain(client.options.user_header());
    names.map(str::to_owned).collect()
}

fn allowed(
    kept: Kept,
    client: &Client,
    subprotocols: &[&str],
    trace_id: Option<TraceId>,
) -> CheckResponse {
    let passed_on = Some(subprotocols.join(", ")).filter(|it| !it.is_empty());
    let mut headers_to_remove = headers_to_remove(client);
    if passed_on.is_none() {
        headers_to_remove.push(SUBPROTOCOLS.to_owned());
    }
    let passed_on = passed_on.map(|it| headers::set_text(SUBPROTOCOLS, it));
    CheckResponse {
        status: Some(rpc_status(Code::Ok)),
        dynamic_metadata: Some(metadata::of_decision(kept, client.id.as_str(), trace_id)),
        http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
            headers: passed_on.into_iter().collect(),
            headers_to_remove,
            ..OkHttpResponse::default()
        })),
    }
}

fn denied(refusal: &Refusal, context: &RequestContext) -> CheckResponse {
    let mut fields = vec![headers::set_text("content-type", "application/json")];
    let challenge = refusal
        .challenge()
        .map(|it| headers::set_text("www-authenticate", it));
    fields.extend(challenge);
    let told = rate_limits::of_refusal(refusal).into_iter();
    fields.extend(told.map(|(name, value)| headers::set_text(&name, value)));
    CheckResponse {
        status: Some(rpc_status(Code::PermissionDenied)),
        dynamic_metadata: Some(metadata::of_refusal(
            refusal.reason.label(),
            context.client.as_deref(),
            context.trace_id,
        )),
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus {
                code: refusal.status().into(),
            }),
            headers: fields,
            body: refusal.body(),
        })),
    }
}

fn rpc_status(code: Code) -> RpcStatus {
    RpcStatus {
        code: code.into(),
        ..RpcStatus::default()
    }
}
