//! An issuer's side of a token, for the tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256, PublicKeyData,
};
use serde_json::{Value, json};

use super::{ClaimMapping, ClaimPath, Directory, Issuer, IssuerRules, TokenError, Tokens};
use crate::access::{Client, ClientId};
use crate::auth::jwks::{KeySet, KeyStore};
use crate::auth::{self, Caller};

/// What precedes the PKCS #1 key in a PKCS #8 key of RSA (RFC 5958), which jsonwebtoken does not
/// read.
const PKCS8_HEADER_BYTES: usize = 26;

/// A private key with the id that its public half has.
pub(in crate::auth) struct Signer {
    pub(in crate::auth) kid: &'static str,
    pub(in crate::auth) algorithm: Algorithm,
    key: EncodingKey,
    public: Vec<u8>,
}

impl Signer {
    pub(in crate::auth) fn new(kid: &'static str, algorithm: Algorithm) -> Self {
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
            kid,
            algorithm,
            key,
            public: pair.der_bytes().to_vec(),
        }
    }

    /// The same key with another algorithm of its type.
    pub(in crate::auth) fn with(&self, algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            key: self.key.clone(),
            public: self.public.clone(),
            kid: self.kid,
        }
    }

    /// The public half, without `alg`.
    pub(in crate::auth) fn jwk(&self) -> Value {
        if self.algorithm == Algorithm::EdDSA {
            let x = URL_SAFE_NO_PAD.encode(&self.public);
            return json!({"kid": self.kid, "kty": "OKP", "crv": "Ed25519", "x": x});
        }
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public half");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        jwk["kid"] = self.kid.into();
        jwk["use"] = "sig".into();
        jwk.as_object_mut().expect("an object").remove("alg");
        jwk
    }

    pub(in crate::auth) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm, "kid": self.kid, "typ": "JWT"});
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub(in crate::auth) fn sign_text(&self, header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(header), part(payload));
        let signed = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signed.expect("a signature"))
    }
}

/// A private key of P-521, which jsonwebtoken knows nothing of.
pub(in crate::auth) struct P521Signer {
    kid: &'static str,
    key: EcdsaKeyPair,
    public: Vec<u8>,
}

impl P521Signer {
    pub(in crate::auth) fn new(kid: &'static str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).expect("a key");
        let der = pair.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &der);
        Self {
            kid,
            key: key.expect("a key"),
            public: pair.der_bytes().to_vec(),
        }
    }

    pub(in crate::auth) fn jwk(&self) -> Value {
        let (x, y) = self.public[1..].split_at(66);
        let part = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kid": self.kid, "kty": "EC", "crv": "P-521", "x": part(x), "y": part(y)})
    }

    pub(in crate::auth) fn sign(&self, claims: &Value) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = json!({"alg": "ES512", "kid": self.kid}).to_string();
        let message = format!("{}.{}", part(&header), part(&claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A claim of this name.
pub(in crate::auth) fn path(name: &str) -> ClaimPath {
    ClaimPath::new([name.to_owned()])
}

/// Rules that ask for nothing but an audience.
pub(in crate::auth) fn rules(issuer: &str, audience: &str) -> IssuerRules {
    use auth::Algorithm as A;
    IssuerRules {
        name: "acme".into(),
        issuer: issuer.to_owned(),
        tenants: Vec::new(),
        audiences: vec![audience.to_owned()],
        algorithms: vec![
            A::Rs256,
            A::Rs384,
            A::Rs512,
            A::Ps256,
            A::Ps384,
            A::Ps512,
            A::Es256,
            A::Es384,
            A::Es512,
            A::EdDsa,
            A::Ed25519,
        ],
        token_types: Vec::new(),
        required_claims: Vec::new(),
        leeway_s: 0,
        max_age_s: None,
        mapping: ClaimMapping {
            user: path("sub"),
            scopes: path("scp"),
            roles: path("roles"),
            groups: path("groups"),
        },
    }
}

/// An issuer whose tokens with these claims are a client's.
pub(in crate::auth) fn issuer(
    rules: IssuerRules,
    keys: &[Value],
    (claim, value, client): (&str, &str, &str),
) -> Arc<Issuer> {
    let client = Client::new(ClientId::new(client), Vec::new());
    let mut directory = Directory::default();
    let claims = BTreeMap::from([(path(claim), value.to_owned())]);
    directory.add(&claims, Arc::new(client)).expect("new");
    let store = Arc::new(KeyStore::new(Duration::from_secs(3600)));
    store.replace(key_set(keys));
    Arc::new(Issuer::new(rules, store, directory))
}

/// Tokens of these issuers.
pub(in crate::auth) fn tokens(issuers: impl IntoIterator<Item = Arc<Issuer>>) -> Tokens {
    let mut tokens = Tokens::default();
    for issuer in issuers {
        tokens.add(issuer).expect("an issuer of its own");
    }
    tokens
}

/// The caller of a token at a time since 1970.
pub(in crate::auth) async fn at(
    tokens: &Tokens,
    token: &str,
    seconds: u64,
) -> Result<Caller, TokenError> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    tokens.authenticate(token, now).await
}

/// A key set as an issuer publishes it.
pub(in crate::auth) fn key_set(jwks: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).expect("a key set")
}
