//! ext_authz around a configuration, as the service runs it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tollgate::auth::{CertificateRing, Tokens};
use tollgate::config::{Config, KeyRefresh};
use tollgate::envoy::Authz;
use tollgate::gateway::Gateway;
use tollgate::policy::LivePolicy;
use tollgate::telemetry::{AuditLog, Metrics};
use tollgate::upstream::Identity;

/// A configuration with a client that has one credential, and more where `clients` has any.
pub(crate) fn yaml(top: &str, credential: &str, clients: &str) -> String {
    let certificates = match top.contains("certificate_authorities") {
        true => ", client_certificates: xfcc",
        false => "",
    };
    format!(
        "listen: {{ grpc: unix:tollgate.sock, admin: \"127.0.0.1:0\"{certificates} }}
identity: {{ managed_identity: {{}} }}
{top}clients:
  - id: bench
    credentials: [ {credential} ]
    products: [standard]
    limits: {{ concurrent_requests: 100000000, request_bytes: 100000000000000 }}
{clients}products:
  - {{ id: standard, deployments: [gpt-4o], operations: [chat.completions] }}
backends: [ {{ name: sweden }} ]
"
    )
}

/// What decides.
pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) certificates: Option<Arc<CertificateRing>>,
    authz: Authz,
}

impl Bench {
    pub(crate) fn new(yaml: &str, directory: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let mut config =
            Config::parse("bench", yaml, directory).unwrap_or_else(|error| panic!("{error}"));
        let (tokens, certificates) = (
            Arc::clone(&config.policy.tokens),
            config.policy.certificates.clone(),
        );
        let gateway = runtime.block_on(async {
            let refreshes = std::mem::take(&mut config.key_refreshes);
            let _tasks: Vec<_> = KeyRefresh::start(refreshes, &CancellationToken::new()).collect();
            let all = || {
                tokens
                    .issuers()
                    .iter()
                    .all(|it| it.keys().status().is_usable)
            };
            while !all() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let (audit, _writer) = AuditLog::start(std::io::sink()).expect("a thread");
            let metrics = Arc::new(Metrics::new().expect("metrics"));
            let policy = Arc::new(LivePolicy::new(config.policy));
            Gateway::new(
                policy,
                Arc::new(Identity::default()),
                metrics,
                audit,
                None,
                tollgate::limits::Limits::new().0,
            )
        });
        Self {
            runtime,
            tokens,
            certificates,
            authz: Authz::new(Arc::new(gateway)),
        }
    }

    /// The whole of ext_authz for a request, which must be allowed.
    pub(crate) fn check(&self, request: CheckRequest) {
        let check = self.authz.check(tonic::Request::new(request));
        let answer = self
            .runtime
            .block_on(check)
            .expect("an answer")
            .into_inner();
        assert!(
            matches!(answer.http_response, Some(HttpResponse::OkResponse(_))),
            "refused: {answer:?}"
        );
    }
}

/// A chat with a credential, and with the headers that an SDK sends.
pub(crate) fn request(credential: (&str, &str), peer: &str) -> CheckRequest {
    let headers = [
        (":authority", "gateway.example"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/Python 1.99.0"),
        ("x-request-id", "4f8f0c1e-6a44-4c8e-9a55-0c4c1b0b6c3e"),
        credential,
    ];
    let header = |(key, value): (&str, &str)| HeaderValue {
        key: key.to_owned(),
        raw_value: value.as_bytes().to_vec(),
        ..HeaderValue::default()
    };
    let http = HttpRequest {
        method: "POST".to_owned(),
        path: "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21".to_owned(),
        header_map: Some(HeaderMap {
            headers: headers.into_iter().map(header).collect(),
        }),
        ..HttpRequest::default()
    };
    let source = Peer {
        certificate: peer.to_owned(),
        ..Peer::default()
    };
    let attributes = AttributeContext {
        source: Some(source),
        request: Some(Request {
            time: None,
            http: Some(http),
        }),
        ..AttributeContext::default()
    };
    CheckRequest {
        attributes: Some(attributes),
    }
}
