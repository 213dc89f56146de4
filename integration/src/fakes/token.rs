//! Access tokens of the fakes: in the form of a JWT, signed with a secret that the identity fake and
//! the Azure fake share, so that the one in another process still tells ours from anybody else's.
//!
//! Clients must treat Entra's access tokens as opaque, so the algorithm (HS256, which Entra does not
//! use) is for this file only.

use super::unique::{random_bytes, unix_seconds, uuid};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The environment variable by which fakes in several processes get the same secret.
pub const TOKEN_SECRET_VARIABLE: &str = "FAKE_TOKEN_SECRET";

/// The audience of Azure OpenAI in the public cloud.
pub const COGNITIVE_SERVICES_AUDIENCE: &str = "https://cognitiveservices.azure.com";

/// SHA-256 works on blocks of 64 bytes; HMAC pads the key to one (RFC 2104, section 2).
const HMAC_BLOCK_BYTES: usize = 64;

/// What the fakes put into a token: a part of Entra's v1 access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The resource the token is for.
    pub aud: String,
    /// The identity: the client id of the managed identity or application.
    pub appid: String,
    /// Seconds since 1970.
    pub iat: u64,
    /// Seconds since 1970.
    pub exp: u64,
    /// Different in each token.
    pub jti: String,
}

impl Claims {
    /// A token for `audience`, held by `appid`, living for `lifetime` from now.
    pub fn new(audience: &str, appid: &str, lifetime: Duration) -> Self {
        let now = unix_seconds();
        Self {
            aud: audience.to_owned(),
            appid: appid.to_owned(),
            iat: now,
            exp: now + lifetime.as_secs(),
            jti: uuid(),
        }
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// Not signed with our secret: somebody else's credential.
    Foreign,
    /// Ours, but over.
    Expired,
    /// Ours, but for another resource.
    Audience,
}

/// The secret that the fakes share.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(Arc<[u8]>);

impl fmt::Debug for TokenSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenSecret(…)")
    }
}

impl TokenSecret {
    /// A secret of this process alone.
    pub fn random() -> Self {
        Self(Arc::from(random_bytes::<32>()))
    }

    /// A secret that other processes know too.
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self(Arc::from(secret.as_ref()))
    }

    /// A signed token.
    pub fn sign(&self, claims: &Claims) -> String {
        let header = URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"HS256","kid":"fake"}"#);
        let payload = serde_json::to_vec(claims).expect("claims are plain strings and numbers");
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(&self.0, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The claims of one of our own tokens that is for `audience` and has not ended.
    pub fn verify(&self, token: &str, audience: &str) -> Result<Claims, TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Foreign)?;
        let expected = URL_SAFE_NO_PAD.encode(hmac_sha256(&self.0, signed.as_bytes()));
        if expected != signature {
            return Err(TokenFault::Foreign);
        }
        let claims = claims_of(signed).ok_or(TokenFault::Foreign)?;
        if claims.aud.trim_end_matches('/') != audience.trim_end_matches('/') {
            return Err(TokenFault::Audience);
        }
        if claims.exp <= unix_seconds() {
            return Err(TokenFault::Expired);
        }
        Ok(claims)
    }
}

fn claims_of(signed: &str) -> Option<Claims> {
    let (_, payload) = signed.split_once('.')?;
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&json).ok()
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; HMAC_BLOCK_BYTES];
    if key.len() > HMAC_BLOCK_BYTES {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn hmac_agrees_with_rfc_4231_test_case_2() {
        let digest = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex::encode(digest),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn only_a_live_token_of_ours_for_the_audience_is_accepted() {
        let ours = TokenSecret::new("shared between the fakes");
        let claims = |audience, life| ours.sign(&Claims::new(audience, "app", life));
        let verify = |token: &str| ours.verify(token, "https://a.example").map(|c| c.appid);

        let good = claims("https://a.example/", HOUR);
        assert_eq!(verify(&good).as_deref(), Ok("app"));
        let expired = claims("https://a.example", Duration::ZERO);
        assert_eq!(verify(&expired), Err(TokenFault::Expired));
        let elsewhere = claims("https://b.example", HOUR);
        assert_eq!(verify(&elsewhere), Err(TokenFault::Audience));
        let theirs = TokenSecret::random().sign(&Claims::new("https://a.example", "app", HOUR));
        assert_eq!(verify(&theirs), Err(TokenFault::Foreign));
        assert_eq!(verify("sk-a-callers-key"), Err(TokenFault::Foreign));
    }
}
