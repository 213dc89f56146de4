//! Where a gateway gets its access tokens: a managed identity endpoint and Entra ID's token endpoint,
//! with faults that are switched while it runs.
//!
//! - `GET /msi/token`: managed identity, in the form that App Service has ([`app_service`]). The form
//!   that virtual machines have is at a fixed address and can't be faked beside the real thing.
//! - `POST /{tenant}/oauth2/v2.0/token`: workload identity and client secrets ([`entra`]).
//! - `GET` and `PUT /control`: the switches and the counter ([`control`]).

pub mod app_service;
pub mod control;
pub mod entra;

use super::body::{ReplyBody, Reset};
use super::server::{Handler, Listen, Server};
use super::token::{Claims, TokenSecret};
use super::unique::random_bytes;
use control::{Control, Mode, Status};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The path of the managed identity endpoint, App Service's own.
pub const MANAGED_IDENTITY_PATH: &str = "/msi/token";

/// The client id of the system-assigned identity, when a request names no other.
pub const SYSTEM_ASSIGNED_CLIENT_ID: &str = "5e5ced1d-0000-4000-8000-000000000001";

/// The lifetime of a managed identity's token.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How to start a [`FakeIdentity`].
#[derive(Debug, Clone)]
pub struct IdentityOptions {
    /// Where to listen.
    pub listen: Listen,
    /// Signs the tokens; the Azure fake is to have the same.
    pub token_secret: TokenSecret,
    /// What `X-IDENTITY-HEADER` must say (`IDENTITY_HEADER` of the gateway's environment).
    pub header_secret: String,
    /// What `client_secret` must say on Entra's endpoint.
    pub client_secret: String,
    /// How long a token lives, until it is switched.
    pub lifetime: Duration,
    /// What it does from the start.
    pub mode: Mode,
}

impl Default for IdentityOptions {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            token_secret: TokenSecret::random(),
            header_secret: hex::encode(random_bytes::<16>()),
            client_secret: hex::encode(random_bytes::<16>()),
            lifetime: DEFAULT_LIFETIME,
            mode: Mode::Ok,
        }
    }
}

/// A running identity endpoint. Dropping it ends it.
#[derive(Debug)]
pub struct FakeIdentity {
    /// Where it listens.
    pub addr: SocketAddr,
    state: Arc<IdentityState>,
    server: Server,
}

impl FakeIdentity {
    /// Starts it, or panics: a test can't go on without.
    pub async fn start(options: IdentityOptions) -> Self {
        let started = Self::try_start(options).await;
        started.expect("the identity fake listens")
    }

    /// Starts it, or says why the address can't be had.
    pub async fn try_start(options: IdentityOptions) -> std::io::Result<Self> {
        let listen = options.listen.clone();
        let state = Arc::new(IdentityState {
            control: Control::new(options.lifetime, options.mode),
            options,
        });
        let server = Server::start(listen, Arc::clone(&state)).await?;
        Ok(Self {
            addr: server.address(),
            state,
            server,
        })
    }

    /// The value of `IDENTITY_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("{}{MANAGED_IDENTITY_PATH}", self.authority())
    }

    /// The value of `IDENTITY_HEADER`.
    pub fn header_secret(&self) -> &str {
        &self.state.options.header_secret
    }

    /// The secret that Entra's endpoint accepts.
    pub fn client_secret(&self) -> &str {
        &self.state.options.client_secret
    }

    /// The value of `AZURE_AUTHORITY_HOST`.
    pub fn authority(&self) -> String {
        let tls = self.state.options.listen.tls.is_some();
        let scheme = if tls { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// The secret that signs the tokens.
    pub fn token_secret(&self) -> TokenSecret {
        self.state.options.token_secret.clone()
    }

    /// What it answers from now on.
    pub fn set_mode(&self, mode: Mode) {
        self.state.control.set_mode(mode);
    }

    /// How long tokens issued from now on live.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.state.control.set_lifetime(lifetime);
    }

    /// How many times a token was asked for, answered or not.
    pub fn fetches(&self) -> u64 {
        self.state.control.status().fetches
    }

    /// The mode, the lifetime and the counters.
    pub fn status(&self) -> Status {
        self.state.control.status()
    }

    /// Waits for the requests under way, and ends.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

#[derive(Debug)]
struct IdentityState {
    options: IdentityOptions,
    control: Control,
}

impl IdentityState {
    /// A token and the claims in it.
    fn issue(&self, audience: &str, client_id: &str) -> (String, Claims) {
        let claims = Claims::new(audience, client_id, self.control.lifetime());
        self.control.count_issued();
        (self.options.token_secret.sign(&claims), claims)
    }
}

impl Handler for IdentityState {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Reset> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
        let path = parts.uri.path();
        if path == control::PATH {
            return Ok(self.control.answer(&parts.method, &body));
        }
        let is_entra = parts.method == Method::POST && path.ends_with(entra::PATH_END);
        let is_app_service = parts.method == Method::GET && path == MANAGED_IDENTITY_PATH;
        if !is_entra && !is_app_service {
            return Ok(json(StatusCode::NOT_FOUND, &serde_json::json!({})));
        }
        if let Some(failure) = self.control.play().await {
            return Ok(failure);
        }
        Ok(if is_entra {
            entra::answer(&self, path, &body)
        } else {
            app_service::answer(&self, &parts)
        })
    }
}

/// A JSON answer.
fn json(status: StatusCode, body: &serde_json::Value) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

/// The pairs of a query or of a form, decoded.
fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    let decoder = std::str::from_utf8(encoded).unwrap_or_default();
    let decoded = decoder.split('&').filter(|pair| !pair.is_empty());
    decoded
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The last value of `name`.
fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

/// Undoes `application/x-www-form-urlencoded` (URL Standard, section 5.1).
fn decode(encoded: &str) -> String {
    let encoded = encoded.replace('+', " ");
    percent_decode_str(&encoded)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        let pairs = pairs(b"scope=https%3A%2F%2Fa.example%2F.default&x=a+b%&empty");
        assert_eq!(value(&pairs, "scope"), Some("https://a.example/.default"));
        assert_eq!(value(&pairs, "x"), Some("a b%"), "a lone percent sign");
        assert_eq!(value(&pairs, "empty"), Some(""));
    }
}
