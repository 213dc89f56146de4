//! An issuer's side of a token, for the tests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    PublicKeyData,
};
use serde_json::{Value, json};

use crate::auth::jwks::KeySet;

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

/// A key set as an issuer publishes it.
pub(in crate::auth) fn key_set(jwks: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).expect("a key set")
}
