//! An OpenID Connect issuer: discovery, a key set, and tokens of any kind, good and bad, with faults
//! that are switched while it runs.

use super::body::{ReplyBody, Reset};
use super::server::{Handler, Listen, Server};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256, PublicKeyData,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the key set is.
pub const KEYS_PATH: &str = "/keys";
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// What stands before the PKCS #1 key in a PKCS #8 key of RSA, which jsonwebtoken does not read.
const PKCS8_HEADER_BYTES: usize = 26;
/// Larger than any document that a gateway should read.
const ENDLESS_BYTES: usize = 4 << 20;

/// A private key of an issuer, with the id of its public half.
#[derive(Clone)]
pub struct Signer {
    /// `kid`.
    pub kid: String,
    /// `alg`.
    pub algorithm: Algorithm,
    key: EncodingKey,
    public: Vec<u8>,
}

impl Signer {
    /// A new key. Panics without one: a test can't go on.
    pub fn new(kid: &str, algorithm: Algorithm) -> Self {
        let kind = match algorithm {
            Algorithm::ES256 => &PKCS_ECDSA_P256_SHA256,
            Algorithm::ES384 => &PKCS_ECDSA_P384_SHA384,
            Algorithm::EdDSA => &PKCS_ED25519,
            _ => &PKCS_RSA_SHA256,
        };
        let pair = KeyPair::generate_for(kind).expect("a key");
        let der = pair.serialize_der();
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_der(&der),
            Algorithm::EdDSA => EncodingKey::from_ed_der(&der),
            _ => EncodingKey::from_rsa_der(&der[PKCS8_HEADER_BYTES..]),
        };
        Self {
            kid: kid.to_owned(),
            algorithm,
            key,
            public: pair.der_bytes().to_vec(),
        }
    }

    /// The same key with another algorithm of its type.
    pub fn with(&self, algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            ..self.clone()
        }
    }

    /// The public half.
    pub fn jwk(&self) -> Value {
        if self.algorithm == Algorithm::EdDSA {
            let x = URL_SAFE_NO_PAD.encode(&self.public);
            return json!({"kid": self.kid, "kty": "OKP", "crv": "Ed25519", "x": x});
        }
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public half");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        jwk["kid"] = self.kid.as_str().into();
        jwk.as_object_mut().expect("an object").remove("alg");
        jwk
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm, "kid": self.kid, "typ": "JWT"});
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// A token of these texts, whatever they say, with a good signature.
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(header), part(payload));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signature.expect("a signature"))
    }
}

/// A private key of P-521, which jsonwebtoken knows nothing of.
pub struct P521Signer {
    kid: String,
    key: EcdsaKeyPair,
    public: Vec<u8>,
}

impl P521Signer {
    /// A new key. Panics without one: a test can't go on.
    pub fn new(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).expect("a key");
        let der = pair.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &der);
        Self {
            kid: kid.to_owned(),
            key: key.expect("a key"),
            public: pair.der_bytes().to_vec(),
        }
    }

    /// The public half.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.public[1..].split_at(66);
        let part = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kid": self.kid, "kty": "EC", "crv": "P-521", "x": part(x), "y": part(y)})
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = json!({"alg": "ES512", "kid": self.kid}).to_string();
        let message = format!("{}.{}", part(&header), part(&claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// What an issuer does when it is asked for a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerMode {
    /// Answers.
    Ok,
    /// 503.
    Down,
    /// The key set is elsewhere, says a redirect.
    Redirect(String),
    /// The key set is elsewhere, says the discovery document.
    KeysAt(String),
    /// The discovery document is of another issuer.
    OtherIssuer,
    /// A key set that is too large to read.
    Endless,
    /// A key set of this text, whatever it is.
    KeySet(String),
}

struct State {
    mode: IssuerMode,
    keys: Vec<Value>,
    fetches: Vec<String>,
}

/// A running issuer. Dropping it ends it.
pub struct FakeIssuer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Only owned, so that it ends with the rest.
    _server: Server,
}

struct Shared {
    state: Mutex<State>,
    address: Mutex<Option<SocketAddr>>,
}

impl FakeIssuer {
    /// Starts one with the public halves of these keys, or panics: a test can't go on without.
    pub async fn start(keys: &[&Signer]) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                mode: IssuerMode::Ok,
                keys: keys.iter().map(|key| key.jwk()).collect(),
                fetches: Vec::new(),
            }),
            address: Mutex::new(None),
        });
        let server = Server::start(Listen::default(), Arc::clone(&shared)).await;
        let server = server.expect("the issuer listens");
        let address = server.address();
        *shared
            .address
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(address);
        Self {
            address,
            shared,
            _server: server,
        }
    }

    /// Its `iss`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Publishes other keys.
    pub fn set_keys(&self, keys: Vec<Value>) {
        self.state(|state| state.keys = keys);
    }

    /// What it does from now on.
    pub fn set_mode(&self, mode: IssuerMode) {
        self.state(|state| state.mode = mode);
    }

    /// How often the key set was asked for.
    pub fn key_fetches(&self) -> usize {
        let is_keys = |path: &&String| *path == KEYS_PATH;
        self.state(|state| state.fetches.iter().filter(is_keys).count())
    }

    /// Every path that was asked for.
    pub fn fetches(&self) -> Vec<String> {
        self.state(|state| state.fetches.clone())
    }

    /// The claims of a good token for `api://tollgate`, of the client `app-1` and the user `ada`.
    pub fn claims(&self) -> Value {
        let now = unix_s();
        json!({"iss": self.url(), "aud": "api://tollgate", "sub": "ada", "azp": "app-1",
            "iat": now, "nbf": now, "exp": now + 600})
    }

    fn state<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        read(&mut state)
    }
}

/// Seconds since 1970.
pub fn unix_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

impl Handler for Shared {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Reset> {
        let path = request.uri().path().to_owned();
        let (mode, keys) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.fetches.push(path.clone());
            (state.mode.clone(), json!({ "keys": state.keys }))
        };
        let address = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
        let own = address.map(|at| format!("http://{at}")).unwrap_or_default();
        let (status, location, body) = match (path.as_str(), mode) {
            (_, IssuerMode::Down) => (StatusCode::SERVICE_UNAVAILABLE, None, String::new()),
            (DISCOVERY_PATH, mode) => {
                let issuer = match mode {
                    IssuerMode::OtherIssuer => "https://other.example",
                    _ => own.as_str(),
                };
                let keys = match &mode {
                    IssuerMode::KeysAt(url) => url.clone(),
                    _ => format!("{own}{KEYS_PATH}"),
                };
                let document = json!({"issuer": issuer, "jwks_uri": keys});
                (StatusCode::OK, None, document.to_string())
            }
            (_, IssuerMode::Redirect(to)) => (StatusCode::FOUND, Some(to), String::new()),
            (_, IssuerMode::Endless) => (StatusCode::OK, None, " ".repeat(ENDLESS_BYTES)),
            (KEYS_PATH, IssuerMode::KeySet(text)) => (StatusCode::OK, None, text),
            (KEYS_PATH, _) => (StatusCode::OK, None, keys.to_string()),
            _ => (StatusCode::NOT_FOUND, None, String::new()),
        };
        let mut response = Response::new(ReplyBody::whole(body));
        *response.status_mut() = status;
        if let Some(location) = location.and_then(|to| to.parse().ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    }
}
