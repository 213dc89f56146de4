//! ext_authz: who is calling, and may it ask for this?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Request, Response, Status};

use super::gateway::Gateway;
use super::pending::{Admitted, DecisionId};
use super::refusal::Refusal;
use super::{headers, metadata};
use crate::access::{
    Asked, Client, Endpoint, Grant, Target, authorize_any_deployment, authorize_deployment,
    authorize_operation,
};
use crate::auth::{
    CREDENTIAL_HEADERS, Caller, PresentedCertificate, PresentedHeaders, Subprotocols,
};
use crate::telemetry::Refused;
use crate::usage::RecordId;

/// Headers of the caller's that a backend must not see: with them it could choose a deployment that
/// it may not use (<https://learn.microsoft.com/azure/ai-services/openai/how-to/spillover-traffic-management>,
/// <https://learn.microsoft.com/azure/ai-services/openai/how-to/responses>).
const FORBIDDEN_HEADERS: [&str; 2] = [
    "x-ms-spillover-deployment",
    "x-ms-oai-image-generation-deployment",
];

/// Where a browser's WebSocket says its key, beside what the backend may know.
const SUBPROTOCOLS: &str = "sec-websocket-protocol";

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
        peer: &Sender,
        refused: &mut Refused,
    ) -> Result<CheckResponse, Refusal> {
        let target = Target::parse(&http.method, &http.path);
        let is_session = target
            .as_ref()
            .is_ok_and(|target| matches!(target.endpoint, Endpoint::Realtime { .. }));
        let presented = Presented::read(http, peer, is_session, refused)?;
        let policy = self.0.policy.get();
        let mut caller = policy
            .authenticate(
                self.0.issued.as_deref(),
                &presented.headers,
                &presented.certificate,
                refused.started,
            )
            .await?;
        refused.client = Some(caller.client.id.to_shared());
        let target = target?;
        caller.client.options.check_version(&target)?;
        if let Some(user) = caller
            .client
            .options
            .user_of_headers(headers::of_check(http))?
        {
            caller.user = Some(user);
        }
        let grant = self.authorize(&caller, &target, peer, refused)?;
        let client = Arc::clone(&caller.client);
        let admitted = Admitted {
            caller,
            target,
            grant,
            content_type: String::new(),
            request_id: Arc::clone(&refused.request_id),
            source: peer.address,
            record: RecordId::new(refused.started).map_err(|_| Refusal::overloaded())?,
            trace_id: None,
            started: refused.started,
            at: Instant::now(),
        };
        let id = self
            .0
            .pending
            .add(admitted)
            .map_err(|_| Refusal::overloaded())?;
        Ok(allowed(id, &client, &presented.subprotocols))
    }

    /// What can be said before the body is there.
    fn authorize(
        &self,
        caller: &Caller,
        target: &Target,
        peer: &Sender,
        refused: &mut Refused,
    ) -> Result<Option<Grant>, Refusal> {
        let asked = &Asked {
            operation: target.endpoint.operation(),
            has: caller.entitlements(),
            source: peer.address,
            at: refused.started,
        };
        let client = &caller.client;
        match &target.endpoint {
            Endpoint::Create {
                deployment: Some(deployment),
                ..
            }
            | Endpoint::Realtime {
                deployment: Some(deployment),
            } => {
                refused.deployment = Some(deployment.to_shared());
                let grant = authorize_deployment(client, asked, deployment.clone(), None)?;
                Ok(Some(grant))
            }
            Endpoint::Realtime { deployment: None } => {
                Ok(authorize_any_deployment(client, asked).map(|()| None)?)
            }
            Endpoint::Create { .. } | Endpoint::Models => {
                Ok(authorize_operation(client, asked).map(|()| None)?)
            }
            Endpoint::Stored { kind, id, .. } => {
                authorize_operation(client, asked)?;
                match self.0.owners.owns(*kind, &client.id, id) {
                    true => Ok(None),
                    false => Err(Refusal::object_not_found(*kind, id)),
                }
            }
        }
    }
}

#[tonic::async_trait]
impl Authorization for Authz {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let said = request.metadata().get(CALLER_ADDRESS).map(said_address);
        let attributes = request.into_inner().attributes.unwrap_or_default();
        let peer = Sender::new(said, attributes.source.unwrap_or_default());
        let http = attributes.request.and_then(|it| it.http);
        let http = http.ok_or_else(|| Status::invalid_argument("the check has no HTTP request"))?;
        let mut refused = Refused {
            started: SystemTime::now(),
            request_id: "".into(),
            client: None,
            reason: "",
            status: 0,
            deployment: None,
            product: None,
        };
        let response = match self.decide(&http, &peer, &mut refused).await {
            Ok(response) => response,
            Err(refusal) => {
                let response = denied(&refusal, refused.client.as_deref());
                self.0.note_refusal(&refusal, refused);
                response
            }
        };
        Ok(Response::new(response))
    }
}

/// What the headers of a request prove.
struct Presented<'a> {
    headers: PresentedHeaders<'a>,
    certificate: PresentedCertificate<'a>,
    /// Of a realtime session.
    subprotocols: Subprotocols<'a>,
}

impl<'a> Presented<'a> {
    fn read(
        http: &'a HttpRequest,
        peer: &'a Sender,
        is_session: bool,
        refused: &mut Refused,
    ) -> Result<Self, Refusal> {
        let mut presented = Self {
            headers: PresentedHeaders::default(),
            certificate: PresentedCertificate::new(&peer.certificate),
            subprotocols: Subprotocols::default(),
        };
        for (name, value) in headers::of_check(http) {
            presented.headers.add(name, value);
            match name {
                "x-forwarded-client-cert" => presented.certificate.add(value),
                "x-request-id" => refused.request_id = String::from_utf8_lossy(value).into(),
                SUBPROTOCOLS if is_session => {
                    presented.subprotocols = Subprotocols::parse(value)?;
                }
                _ => {}
            }
        }
        if let Some(key) = presented.subprotocols.key {
            presented.headers.add_subprotocol(key);
        }
        Ok(presented)
    }
}

fn said_address(value: &MetadataValue<Ascii>) -> Option<IpAddr> {
    value.to_str().ok()?.parse().ok()
}

/// The other end of the connection, as Envoy describes it.
struct Sender {
    certificate: String,
    /// Where the caller is; a Unix socket is nowhere.
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

/// Nothing that the caller proved itself with goes on, nor who its user is.
fn headers_to_remove(client: &Client) -> Vec<String> {
    let names = CREDENTIAL_HEADERS.iter().chain(&FORBIDDEN_HEADERS).copied();
    let names = names.chain(client.options.user_header());
    names.map(str::to_owned).collect()
}

fn allowed(id: DecisionId, client: &Client, subprotocols: &Subprotocols<'_>) -> CheckResponse {
    let passed_on = Some(subprotocols.passed_on.join(", ")).filter(|it| !it.is_empty());
    let mut headers_to_remove = headers_to_remove(client);
    if passed_on.is_none() {
        headers_to_remove.push(SUBPROTOCOLS.to_owned());
    }
    let passed_on = passed_on.map(|it| headers::set_text(SUBPROTOCOLS, it));
    CheckResponse {
        status: Some(rpc_status(Code::Ok)),
        dynamic_metadata: Some(metadata::of_decision(id, client.id.as_str())),
        http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
            headers: passed_on.into_iter().collect(),
            headers_to_remove,
            ..OkHttpResponse::default()
        })),
    }
}

fn denied(refusal: &Refusal, client: Option<&str>) -> CheckResponse {
    let mut fields = vec![headers::set_text("content-type", "application/json")];
    let challenge = refusal
        .challenge
        .map(|it| headers::set_text("www-authenticate", it));
    let retry = refusal
        .retry_after_s
        .map(|it| headers::set_text("retry-after", it.to_string()));
    fields.extend(challenge.into_iter().chain(retry));
    CheckResponse {
        status: Some(rpc_status(Code::PermissionDenied)),
        dynamic_metadata: Some(metadata::of_refusal(refusal.reason, client)),
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus {
                code: refusal.status.into(),
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
