//! A service in tollgate's place that gives one verdict on everything.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse, DeniedHttpResponse};
use envoy_types::pb::envoy::service::ext_proc::v3::body_mutation::Mutation;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_request::Request as RequestMessage;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response as Answer;
use envoy_types::pb::envoy::service::ext_proc::v3::{
    BodyMutation, BodyResponse, CommonResponse, HeaderMutation, HeadersResponse, ImmediateResponse,
    ProcessingRequest, ProcessingResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::{Struct, Value, value::Kind};
use tollgate_integration::fakes::certificates::CertificateAuthority;
use tollgate_integration::stack::decisions::{Decisions, allowed, pass, send_response_headers};
use tonic::{Code, Status};

/// The body of each refusal.
pub const BODY: &str = r#"{"error":{"message":"in the service's own words"}}"#;
/// The body that [`Verdict::Rewrite`] sends on.
pub const REWRITTEN: &str = r#"{"stream":true,"stream_options":{"include_usage":true}}"#;

/// What the service does with every request.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Lets it pass.
    Pass,
    /// Lets it pass with another body and credential, and counts 34 tokens.
    Rewrite,
    /// Refuses it in ext_authz, with this status.
    Refuse(u16),
    /// Refuses it in ext_proc, with this status.
    Immediate(u16),
    /// ext_authz fails.
    FailCheck,
    /// ext_proc fails.
    FailProcess,
    /// ext_proc does not answer.
    SilentProcess,
}

/// [`Verdict::Refuse`]
pub fn refusal(status: u16) -> Verdict {
    Verdict::Refuse(status)
}

/// [`Verdict::Immediate`]
pub fn immediate(status: u16) -> Verdict {
    Verdict::Immediate(status)
}

#[derive(Default)]
struct Seen {
    messages: usize,
    from_backend: usize,
    path: String,
}

/// The service; clones share what they saw.
#[derive(Clone)]
pub struct Gate {
    verdict: Verdict,
    seen: Arc<Mutex<Seen>>,
}

impl Gate {
    pub fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            seen: Arc::default(),
        }
    }

    /// How many messages ext_proc got.
    pub fn messages(&self) -> usize {
        self.seen().messages
    }

    /// How many answers came from the backend, rather than from Envoy.
    pub fn seen_by_backend(&self) -> usize {
        self.seen().from_backend
    }

    /// The path of the last check.
    pub fn last_path(&self) -> String {
        self.seen().path.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, message: &ProcessingRequest) {
        let mut seen = self.seen();
        seen.messages += 1;
        if let Some(RequestMessage::ResponseHeaders(headers)) = &message.request {
            let region = tollgate_integration::stack::decisions::header(headers, "x-ms-region");
            seen.from_backend += usize::from(region.is_some());
        }
    }
}

impl Decisions for Gate {
    fn check(&self, request: CheckRequest) -> Result<CheckResponse, Status> {
        let http = request
            .attributes
            .and_then(|it| it.request)
            .and_then(|it| it.http);
        self.seen().path = http.unwrap_or_default().path;
        match self.verdict {
            Verdict::FailCheck => Err(Status::unavailable("on purpose")),
            Verdict::Refuse(status) => Ok(CheckResponse {
                status: Some(envoy_types::pb::google::rpc::Status {
                    code: Code::PermissionDenied.into(),
                    ..Default::default()
                }),
                http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
                    status: Some(HttpStatus {
                        code: status.into(),
                    }),
                    headers: vec![set_in_refusal("content-type", "application/json")],
                    body: BODY.to_owned(),
                })),
                ..CheckResponse::default()
            }),
            _ => Ok(allowed()),
        }
    }

    fn process(&self, message: &ProcessingRequest) -> Option<Result<ProcessingResponse, Status>> {
        self.note(message);
        match (&self.verdict, message.request.as_ref()?) {
            (Verdict::FailProcess, _) => Some(Err(Status::internal("on purpose"))),
            (Verdict::SilentProcess, _) => None,
            (Verdict::Immediate(status), _) => Some(Ok(immediate_response(*status))),
            (Verdict::Rewrite, RequestMessage::RequestHeaders(_)) => Some(Ok(new_credential())),
            (Verdict::Rewrite, RequestMessage::RequestBody(_)) => Some(Ok(new_body())),
            (Verdict::Rewrite, RequestMessage::ResponseBody(body)) if body.end_of_stream => {
                let counted = usage();
                Some(Ok(ProcessingResponse {
                    dynamic_metadata: Some(counted),
                    ..pass(message)?
                }))
            }
            _ => pass(message).map(Ok),
        }
    }
}

fn immediate_response(status: u16) -> ProcessingResponse {
    ProcessingResponse {
        response: Some(Answer::ImmediateResponse(ImmediateResponse {
            status: Some(HttpStatus {
                code: status.into(),
            }),
            headers: Some(HeaderMutation {
                set_headers: vec![set("content-type", "application/json")],
                ..HeaderMutation::default()
            }),
            body: BODY.as_bytes().to_vec(),
            // What tells it from Envoy's own errors.
            details: "tollgate_on_purpose".to_owned(),
            ..ImmediateResponse::default()
        })),
        ..ProcessingResponse::default()
    }
}

fn new_credential() -> ProcessingResponse {
    ProcessingResponse {
        mode_override: Some(send_response_headers()),
        response: Some(Answer::RequestHeaders(HeadersResponse {
            response: Some(CommonResponse {
                header_mutation: Some(HeaderMutation {
                    set_headers: vec![set("authorization", "Bearer gateway")],
                    ..HeaderMutation::default()
                }),
                ..CommonResponse::default()
            }),
        })),
        ..ProcessingResponse::default()
    }
}

/// Envoy refuses a body whose length is not the one in the header.
fn new_body() -> ProcessingResponse {
    ProcessingResponse {
        response: Some(Answer::RequestBody(BodyResponse {
            response: Some(CommonResponse {
                header_mutation: Some(HeaderMutation {
                    set_headers: vec![set("content-length", &REWRITTEN.len().to_string())],
                    ..HeaderMutation::default()
                }),
                body_mutation: Some(BodyMutation {
                    mutation: Some(Mutation::Body(REWRITTEN.as_bytes().to_vec())),
                }),
                ..CommonResponse::default()
            }),
        })),
        ..ProcessingResponse::default()
    }
}

fn usage() -> Struct {
    let inner = object([
        ("client", Kind::StringValue("mobile-app".to_owned())),
        ("total_tokens", Kind::NumberValue(34.0)),
    ]);
    object([("tollgate", Kind::StructValue(inner))])
}

fn object<const N: usize>(members: [(&str, Kind); N]) -> Struct {
    let fields = members.map(|(name, kind)| (name.to_owned(), Value { kind: Some(kind) }));
    Struct {
        fields: fields.into(),
    }
}

/// ext_authz reads `value` and ignores `raw_value`.
fn set_in_refusal(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: value.to_owned(),
            ..HeaderValue::default()
        }),
        ..HeaderValueOption::default()
    }
}

/// ext_proc reads `raw_value` and ignores `value`.
fn set(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            raw_value: value.as_bytes().to_vec(),
            ..HeaderValue::default()
        }),
        ..HeaderValueOption::default()
    }
}

/// A certificate and its key, as files.
pub fn write_certificate(directory: &Path) -> (PathBuf, PathBuf) {
    let authority = CertificateAuthority::new("test").expect("an authority");
    let server = authority.server(&["localhost"]).expect("a certificate");
    let paths = (directory.join("tls.crt"), directory.join("tls.key"));
    std::fs::write(&paths.0, server.certificate_pem).expect("a file");
    std::fs::write(&paths.1, server.key_pem).expect("a file");
    paths
}
