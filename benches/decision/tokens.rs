//! Tokens: verified for the first time, and remembered.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use crate::gateway::{Bench, request, yaml};
use crate::measure;

/// What stands before the PKCS #1 key in a PKCS #8 key of RSA (RFC 5958).
const PKCS8_HEADER_BYTES: usize = 26;
const COLD: usize = 5_000;
const CACHED: usize = 50_000;

struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    jwk: Jwk,
}

impl Signer {
    fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::ES256 => {
                let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
                EncodingKey::from_ec_der(&pair.serialize_der())
            }
            _ => {
                let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
                let der = pair.serialize_der();
                EncodingKey::from_rsa_der(der.get(PKCS8_HEADER_BYTES..).expect("a key"))
            }
        };
        let jwk = Jwk::from_encoding_key(&key, algorithm).expect("a public half");
        Self {
            algorithm,
            key,
            jwk,
        }
    }

    /// A token like those of Okta: about 700 bytes with RS256.
    fn token(&self, number: usize, now: u64) -> String {
        let header = json!({"alg": self.algorithm, "kid": self.kid(), "typ": "JWT"});
        let claims = json!({"ver": 1, "jti": format!("AT.{number}"), "iss": "https://acme.okta.com/oauth2/default",
            "aud": "api://tollgate", "iat": now, "exp": now + 3600, "cid": "app-1", "uid": "00u1a2b3",
            "scp": ["llm.invoke", "openid"], "auth_time": now, "sub": "ada@acme.example"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signed = crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signed.expect("a signature"))
    }

    fn kid(&self) -> &'static str {
        match self.algorithm {
            Algorithm::ES256 => "ec",
            _ => "rsa",
        }
    }

    fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(&self.jwk).expect("JSON");
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), self.kid().into());
        }
        jwk
    }
}

pub(crate) fn run() {
    let signers = [Signer::new(Algorithm::RS256), Signer::new(Algorithm::ES256)];
    let directory = tempfile::tempdir().expect("a folder");
    let keys = json!({"keys": signers.iter().map(Signer::jwk).collect::<Vec<_>>()});
    std::fs::write(directory.path().join("jwks.json"), keys.to_string()).expect("written");
    let issuers = "issuers:\n  - { name: okta, issuer: \"https://acme.okta.com/oauth2/default\", audiences: [api://tollgate], jwks_file: jwks.json, claims: { client: cid, scopes: scp } }\n";
    let yaml = yaml(issuers, "{ token: { issuer: okta, client: app-1 } }", "");
    let bench = Bench::new(&yaml, directory.path());
    let now = SystemTime::now();
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    for signer in &signers {
        let name = format!("{:?}", signer.algorithm);
        let all: Vec<_> = (0..COLD)
            .map(|it| signer.token(it, since.as_secs()))
            .collect();
        let key = DecodingKey::from_jwk(&signer.jwk).expect("a key");
        let alone = measure(
            &format!("{name}: the crypto alone"),
            all.iter().collect(),
            |token| {
                let (message, signature) = token.rsplit_once('.').expect("three parts");
                crypto::verify(signature, message.as_bytes(), &key, signer.algorithm)
            },
        );
        let cold = measure(
            &format!("{name}: cold, to the caller"),
            all.iter().collect(),
            |token| {
                let caller = bench
                    .runtime
                    .block_on(bench.tokens.authenticate(token, now));
                caller.expect("a caller")
            },
        );
        println!(
            "{:<66} {:>9.2}",
            format!("{name}: cold / crypto alone"),
            cold / alone
        );
        let again = all.iter().cycle().take(CACHED).collect();
        measure(&format!("{name}: cached, to the caller"), again, |token| {
            let caller = bench
                .runtime
                .block_on(bench.tokens.authenticate(token, now));
            caller.expect("a caller")
        });
        let first = format!("Bearer {}", all.first().expect("a token"));
        let checks = vec![request(("authorization", &first), ""); CACHED / 2];
        let name = format!("{name}: cached, the whole of ext_authz");
        measure(&name, checks, |check| bench.check(check));
    }
}
