//! ext_authz: who is calling, and may it ask for this?

use std::sync::Arc;
use std::time::SystemTime;

use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status};

use super::gateway::Gateway;
use super::pending::Admitted;
use super::refusal::Refusal;
use super::{headers, metadata};
use crate::access::{Endpoint, Grant, Target, authorize_deployment, authorize_operation};
use crate::auth::certificate::CertifiedCaller;
use crate::auth::{
    AuthError, CREDENTIAL_HEADERS, Caller, Credential, CredentialKind, PresentedCertificate,
    PresentedHeaders,
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
        peer_certificate: &str,
        refused: &mut Refused,
    ) -> Result<CheckResponse, Refusal> {
        let mut presented = PresentedHeaders::default();
        let mut certificate = PresentedCertificate::new(peer_certificate);
        for (name, value) in headers::of_check(http) {
            presented.add(name, value);
            if name == "x-forwarded-client-cert" {
                certificate.add(value);
            }
            if name == "x-request-id" {
                refused.request_id = String::from_utf8_lossy(value).into();
            }
        }
        let caller = self
            .authenticate(&presented, &certificate, refused.started)
            .await?;
        refused.client = Some(caller.client.id.to_shared());
        let target = Target::parse(&http.method, &http.path)?;
        let grant = self.authorize(&caller, &target, refused)?;
        let client = caller.client.id.clone();
        let admitted = Admitted {
            caller,
            target,
            grant,
            content_type: String::new(),
            request_id: Arc::clone(&refused.request_id),
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
        Ok(CheckResponse {
            status: Some(rpc_status(Code::Ok)),
            dynamic_metadata: Some(metadata::of_decision(id, client.as_str())),
            http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
                headers_to_remove: headers_to_remove(),
                ..OkHttpResponse::default()
            })),
        })
    }

    /// Who is calling, by exactly one credential. Where certificates are accepted, one that comes
    /// with a key or a token is a second credential, whatever it is worth; elsewhere it is none.
    /// Only a token whose key is not there yet waits, and then for a moment.
    async fn authenticate(
        &self,
        presented: &PresentedHeaders<'_>,
        certificate: &PresentedCertificate<'_>,
        now: SystemTime,
    ) -> Result<Caller, AuthError> {
        if let Some(ring) = &self.0.certificates
            && certificate.is_there()
        {
            if presented.is_any() {
                return Err(AuthError::Ambiguous);
            }
            let CertifiedCaller { client, user } = ring.authenticate(certificate, now)?;
            return Ok(Caller {
                client,
                credential: CredentialKind::Certificate,
                user,
                entitlements: None,
            });
        }
        match presented.credential()? {
            Credential::Key(key) => self.0.keys.authenticate(key, now),
            Credential::Token(token) => Ok(self.0.tokens.authenticate(token, now).await?),
        }
    }

    /// What can be said before the body is there.
    fn authorize(
        &self,
        caller: &Caller,
        target: &Target,
        refused: &mut Refused,
    ) -> Result<Option<Grant>, Refusal> {
        let (client, has) = (&caller.client, caller.entitlements());
        let operation = target.endpoint.operation();
        match &target.endpoint {
            Endpoint::Create {
                deployment: Some(deployment),
                ..
            }
            | Endpoint::Realtime { deployment } => {
                refused.deployment = Some(deployment.to_shared());
                Ok(Some(authorize_deployment(
                    client,
                    has,
                    operation,
                    deployment.clone(),
                )?))
            }
            Endpoint::Create { .. } | Endpoint::Models => {
                Ok(authorize_operation(client, has, operation).map(|()| None)?)
            }
            Endpoint::Stored { kind, id, .. } => {
                authorize_operation(client, has, operation)?;
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
        let attributes = request.into_inner().attributes.unwrap_or_default();
        let peer_certificate = attributes.source.unwrap_or_default().certificate;
        let http = attributes.request.and_then(|it| it.http);
        let http = http.ok_or_else(|| Status::invalid_argument("the check has no HTTP request"))?;
        let mut refused = Refused {
            started: SystemTime::now(),
            request_id: "".into(),
            client: None,
            reason: "",
            status: 0,
            deployment: None,
        };
        let response = match self.decide(&http, &peer_certificate, &mut refused).await {
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

/// Nothing that the caller proved itself with goes on.
fn headers_to_remove() -> Vec<String> {
    let names = CREDENTIAL_HEADERS.iter().chain(&FORBIDDEN_HEADERS);
    names.map(|name| (*name).to_owned()).collect()
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
