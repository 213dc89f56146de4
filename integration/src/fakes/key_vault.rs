//! Azure Key Vault, as far as reading goes: certificates and secrets, the challenge to those who come
//! without a token, and faults on request.
//!
//! The protocol: <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>,
//! <https://learn.microsoft.com/rest/api/keyvault/>.

use super::body::{ReplyBody, Reset};
use super::server::{Handler, Listen, Server};
use super::token::TokenSecret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The resource that tokens must be for.
pub const VAULT_AUDIENCE: &str = "https://vault.azure.net";
/// What the challenge says. The real one has the same fields, in this order.
const CHALLENGE: &str = r#"Bearer authorization="https://login.microsoftonline.com/5e5ced1d-0000-4000-8000-00000000feed", resource="https://vault.azure.net""#;

/// What the vault says of an object.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A certificate's bundle around this DER.
    Certificate(Vec<u8>),
    /// A secret of this value.
    Secret(String),
    /// These bytes, whatever they are.
    Raw(String),
    /// An error of this status.
    Status(u16),
}

/// A running vault. Dropping it ends it.
#[derive(Debug)]
pub struct FakeKeyVault {
    /// Where it listens.
    pub addr: SocketAddr,
    state: Arc<VaultState>,
    _server: Server,
}

#[derive(Debug)]
struct VaultState {
    tokens: TokenSecret,
    /// By path, such as `/certificates/corp-root`.
    objects: Mutex<BTreeMap<String, Answer>>,
    challenged: AtomicU64,
    served: AtomicU64,
}

impl FakeKeyVault {
    /// Starts it; it takes tokens that this secret has signed.
    pub async fn start(listen: Listen, tokens: TokenSecret) -> std::io::Result<Self> {
        let state = Arc::new(VaultState {
            tokens,
            objects: Mutex::default(),
            challenged: AtomicU64::new(0),
            served: AtomicU64::new(0),
        });
        let server = Server::start(listen, Arc::clone(&state)).await?;
        Ok(Self {
            addr: server.address(),
            state,
            _server: server,
        })
    }

    /// Puts an object at a path such as `/certificates/corp-root`, or changes it.
    pub fn put(&self, path: &str, answer: Answer) {
        self.state.objects().insert(path.to_owned(), answer);
    }

    /// How many requests came without a good token.
    pub fn challenged(&self) -> u64 {
        self.state.challenged.load(Ordering::Relaxed)
    }

    /// How many requests came with one, whatever they got.
    pub fn served(&self) -> u64 {
        self.state.served.load(Ordering::Relaxed)
    }
}

impl VaultState {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Answer>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<ReplyBody> {
        let bearer = request.headers().get(header::AUTHORIZATION);
        let bearer = bearer.and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
        let is_good = bearer.is_some_and(|it| self.tokens.verify(it, VAULT_AUDIENCE).is_ok());
        if !is_good {
            self.challenged.fetch_add(1, Ordering::Relaxed);
            let mut refusal = error(StatusCode::UNAUTHORIZED, "Unauthorized");
            let challenge = HeaderValue::from_static(CHALLENGE);
            refusal
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
            return refusal;
        }
        self.served.fetch_add(1, Ordering::Relaxed);
        let query = request.uri().query().unwrap_or_default();
        if !query
            .split('&')
            .any(|pair| pair.starts_with("api-version=7."))
        {
            return error(StatusCode::BAD_REQUEST, "BadParameter");
        }
        if *request.method() != Method::GET {
            return error(StatusCode::METHOD_NOT_ALLOWED, "BadParameter");
        }
        let path = request.uri().path();
        match self.objects().get(path) {
            None => error(StatusCode::NOT_FOUND, "ObjectNotFound"),
            Some(Answer::Status(status)) => error(
                StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY),
                "Forbidden",
            ),
            Some(Answer::Raw(text)) => reply(StatusCode::OK, text.clone()),
            Some(Answer::Certificate(der)) => json_reply(&json!({
                "id": format!("https://acme.vault.azure.net{path}/5e5ced1d"),
                "kid": "https://acme.vault.azure.net/keys/it/5e5ced1d",
                "x5t": "fLi3U52HunIVNXubkEnf8tP6Wbo",
                "cer": STANDARD.encode(der),
                "attributes": { "enabled": true, "recoveryLevel": "Recoverable" },
            })),
            Some(Answer::Secret(value)) => json_reply(&json!({
                "value": value,
                "contentType": "application/x-pem-file",
                "id": format!("https://acme.vault.azure.net{path}/5e5ced1d"),
                "attributes": { "enabled": true, "recoveryLevel": "Recoverable" },
            })),
        }
    }
}

impl Handler for VaultState {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Reset> {
        Ok(self.answer(&request))
    }
}

fn json_reply(body: &Value) -> Response<ReplyBody> {
    reply(StatusCode::OK, body.to_string())
}

fn error(status: StatusCode, code: &str) -> Response<ReplyBody> {
    let body = json!({ "error": { "code": code, "message": "The fake vault says no." } });
    reply(status, body.to_string())
}

fn reply(status: StatusCode, body: String) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
