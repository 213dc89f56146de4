//! Tokens: good ones, and each kind of bad one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData};
use serde_json::{Value, json};

use crate::{seed, write as write_file};

/// What stands before the PKCS #1 key in a PKCS #8 key of RSA (RFC 5958).
const PKCS8_HEADER_BYTES: usize = 26;
/// 1 January 2100.
const EXPIRY_S: u64 = 4_102_444_800;

struct Signer {
    kid: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
    jwk: Value,
}

impl Signer {
    fn new(kid: &'static str, algorithm: Algorithm) -> Self {
        let kind = match algorithm {
            Algorithm::ES256 => &PKCS_ECDSA_P256_SHA256,
            Algorithm::EdDSA => &PKCS_ED25519,
            _ => &PKCS_RSA_SHA256,
        };
        let pair = KeyPair::generate_for(kind).expect("a key");
        let der = pair.serialize_der();
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(&der),
            Algorithm::EdDSA => EncodingKey::from_ed_der(&der),
            _ => EncodingKey::from_rsa_der(&der[PKCS8_HEADER_BYTES..]),
        };
        let jwk = match algorithm {
            Algorithm::EdDSA => {
                let x = URL_SAFE_NO_PAD.encode(pair.der_bytes());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid})
            }
            _ => {
                let jwk = Jwk::from_encoding_key(&key, algorithm).expect("a public half");
                let mut jwk = serde_json::to_value(jwk).expect("JSON");
                jwk["kid"] = kid.into();
                jwk["use"] = "sig".into();
                jwk
            }
        };
        Self {
            kid,
            algorithm,
            key,
            jwk,
        }
    }

    fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.kid, "typ": "JWT"})
    }

    fn sign(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", part(header), part(payload));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signature.expect("a signature"))
    }
}

fn part(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn claims() -> Value {
    json!({"iss": "https://acme.example/oauth2", "aud": "api://tollgate", "sub": "ada", "cid": "app-1",
        "scp": "llm.invoke", "iat": 1_704_067_200, "exp": EXPIRY_S})
}

/// The same object with a member changed.
fn with(mut object: Value, member: &str, value: Value) -> String {
    object[member] = value;
    object.to_string()
}

fn without(mut object: Value, member: &str) -> String {
    object.as_object_mut().expect("an object").remove(member);
    object.to_string()
}

/// Writes the key set and the tokens; gives a good one.
pub(crate) fn write() -> String {
    let rsa = Signer::new("rsa", Algorithm::RS256);
    let ec = Signer::new("ec", Algorithm::ES256);
    let ed = Signer::new("ed", Algorithm::EdDSA);
    let keys = json!({"keys": [rsa.jwk, ec.jwk, ed.jwk]});
    write_file(
        "fixture/jwks.json",
        serde_json::to_string_pretty(&keys).expect("JSON") + "\n",
    );
    let good = ec.sign(&ec.header().to_string(), &claims().to_string());
    seed("token", "good-es256", &good);
    for (name, signer) in [("good-rs256", &rsa), ("good-eddsa", &ed)] {
        seed(
            "token",
            name,
            signer.sign(&signer.header().to_string(), &claims().to_string()),
        );
    }
    headers(&ec, &rsa);
    payloads(&ec);
    forms(&ec, &good);
    good
}

fn headers(ec: &Signer, rsa: &Signer) {
    let put = |name: &str, header: String| {
        seed("token", name, ec.sign(&header, &claims().to_string()));
    };
    put("good-no-typ", without(ec.header(), "typ"));
    put(
        "good-at-jwt",
        with(ec.header(), "typ", "application/at+jwt".into()),
    );
    put("alg-es512", with(ec.header(), "alg", "ES512".into()));
    put(
        "alg-of-another-key-type",
        with(ec.header(), "alg", "RS256".into()),
    );
    put("alg-lower-case", with(ec.header(), "alg", "es256".into()));
    put(
        "alg-twice",
        r#"{"alg":"ES256","alg":"none","kid":"ec"}"#.to_owned(),
    );
    put("crit", with(ec.header(), "crit", json!(["exp"])));
    put("b64-false", with(ec.header(), "b64", false.into()));
    put("kid-missing", without(ec.header(), "kid"));
    put("kid-number", with(ec.header(), "kid", 1.into()));
    put("kid-unknown", with(ec.header(), "kid", "other".into()));
    put(
        "kid-path",
        with(ec.header(), "kid", "../../../dev/null".into()),
    );
    put("kid-of-rsa", with(ec.header(), "kid", "rsa".into()));
    put("typ-logout", with(ec.header(), "typ", "logout+jwt".into()));
    let other = Signer::new("ec", Algorithm::ES256);
    let own_key = with(
        with_json(other.header(), "jwk", other.jwk.clone()),
        "jku",
        "https://evil.example/".into(),
    );
    seed(
        "token",
        "jwk-and-jku-of-the-caller",
        other.sign(&own_key, &claims().to_string()),
    );
    seed(
        "token",
        "signed-by-another-key",
        other.sign(&ec.header().to_string(), &claims().to_string()),
    );
    // "HMAC" with the public key: the signature is any 32 bytes, for no secret is one here.
    let hs256 = with(rsa.header(), "alg", "HS256".into());
    let message = format!(
        "{}.{}.{}",
        part(&hs256),
        part(&claims().to_string()),
        part(&"s".repeat(32))
    );
    seed("token", "alg-hs256", message);
    let none = part(&with(ec.header(), "alg", "none".into()));
    seed(
        "token",
        "alg-none",
        format!("{none}.{}.", part(&claims().to_string())),
    );
}

fn with_json(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

fn payloads(ec: &Signer) {
    let put = |name: &str, payload: String| {
        seed("token", name, ec.sign(&ec.header().to_string(), &payload));
    };
    put(
        "good-audiences",
        with(claims(), "aud", json!(["api://other", "api://tollgate"])),
    );
    put(
        "good-not-before",
        with(claims(), "nbf", 1_704_067_200.into()),
    );
    for claim in ["iss", "aud", "exp", "cid"] {
        put(&format!("{claim}-missing"), without(claims(), claim));
        put(&format!("{claim}-null"), with(claims(), claim, Value::Null));
        put(&format!("{claim}-number"), with(claims(), claim, 1.into()));
        put(
            &format!("{claim}-array"),
            with(claims(), claim, json!([1, "api://tollgate"])),
        );
        put(
            &format!("{claim}-other"),
            with(claims(), claim, "other".into()),
        );
    }
    put(
        "iss-slash",
        with(claims(), "iss", "https://acme.example/oauth2/".into()),
    );
    put(
        "exp-string",
        with(claims(), "exp", EXPIRY_S.to_string().into()),
    );
    put("exp-1e19", with(claims(), "exp", json!(1e19)));
    put(
        "good-exp-fraction",
        with(claims(), "exp", json!(4_102_444_800.5)),
    );
    put("nbf-2100", with(claims(), "nbf", EXPIRY_S.into()));
    put("nbf-string", with(claims(), "nbf", "1".into()));
    let twice = claims()
        .to_string()
        .replace(r#""exp":"#, r#""exp":1,"exp":"#);
    put("exp-twice", twice);
    let escaped = claims()
        .to_string()
        .replace(r#""exp":"#, r#""\u0065xp":1,"exp":"#);
    put("exp-twice-by-an-escape", escaped);
    put("payload-array", "[]".to_owned());
    put("payload-text", "It is a dangerous business".to_owned());
    put(
        "payload-deep",
        format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500)),
    );
}

fn forms(ec: &Signer, good: &str) {
    let mut parts = good.split('.');
    let (header, payload, signature) = (parts.next(), parts.next(), parts.next());
    let (header, payload) = (header.expect("a header"), payload.expect("a payload"));
    let signature = signature.expect("a signature");
    let flattened = json!({"payload": payload, "protected": header, "signature": signature});
    let general =
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
    seed("token", "json-flattened", flattened.to_string());
    seed("token", "json-general", general.to_string());
    seed(
        "token",
        "five-parts",
        format!("{header}.a.b.{payload}.{signature}"),
    );
    seed("token", "two-parts", format!("{header}.{payload}"));
    seed(
        "token",
        "padded",
        format!("{header}=.{payload}.{signature}"),
    );
    seed("token", "detached", format!("{header}..{signature}"));
    seed("token", "signature-empty", format!("{header}.{payload}."));
    seed("token", "signature-cut", &good[..good.len() - 2]);
    seed(
        "token",
        "signature-all-zero",
        format!("{header}.{payload}.{}", "A".repeat(86)),
    );
    seed("token", "white-space", format!("{good}\n"));
    seed("token", "empty", "");
    seed("token", "dots", "..");
    let long = with(claims(), "long", "x".repeat(16 * 1024).into());
    seed(
        "token",
        "too-long",
        ec.sign(&ec.header().to_string(), &long),
    );
}
