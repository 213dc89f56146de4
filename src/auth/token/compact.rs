//! The compact form of a JWS (RFC 7515, section 7.1), parsed without trusting any of it.
//!
//! ```text
//! token = base64url(header) "." base64url(payload) "." base64url(signature)   ; no padding
//! ```
//!
//! We read header and payload ourselves: libraries' own checks of claims let several wrong types pass
//! (CVE-2026-25537 and what it left).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::TokenError;
use crate::auth::{Algorithm, json};

/// Longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A token split into its parts; nothing of it is verified.
pub(super) struct Compact<'a> {
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: String,
    pub(super) token_type: Option<String>,
    pub(super) claims: Map<String, Value>,
}

impl<'a> Compact<'a> {
    /// Parses a token and refuses what no issuer's token may have.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        // An encrypted token has five parts (RFC 7516, section 7.1).
        if payload.contains('.') {
            return Err(TokenError::Malformed);
        }
        let signature = decode(signature)?;
        let mut header = json::object(&decode(header)?)?;
        if header.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        // RFC 7797: an unencoded payload would be signed in another form. It needs `crit`, too.
        if header.contains_key("b64") {
            return Err(TokenError::Critical);
        }
        let algorithm = match header.get("alg") {
            Some(Value::String(name)) => Algorithm::parse(name).ok_or(TokenError::Algorithm)?,
            _ => return Err(TokenError::Algorithm),
        };
        let token_type = match header.remove("typ") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(TokenError::Type),
        };
        let key_id = match header.remove("kid") {
            Some(Value::String(id)) if !id.is_empty() => id,
            _ => return Err(TokenError::KeyMissing),
        };
        // jku, x5u, jwk, x5c and x5t name keys of the caller's choice: they are never looked at.
        Ok(Self {
            signed,
            signature,
            algorithm,
            key_id,
            token_type,
            claims: json::object(&decode(payload)?)?,
        })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(header), part(payload))
    }

    fn refused(header: &str, payload: &str) -> Option<TokenError> {
        Compact::parse(&token(header, payload)).err()
    }

    const GOOD: &str = r#"{"alg":"RS256","kid":"1","typ":"JWT"}"#;

    #[test]
    fn a_token_is_taken_apart() {
        let token = token(GOOD, r#"{"iss":"a"}"#);
        let parsed = Compact::parse(&token).expect("a good token");
        assert_eq!(parsed.key_id, "1");
        assert_eq!(parsed.algorithm, Algorithm::Rs256);
        assert_eq!(parsed.token_type.as_deref(), Some("JWT"));
        assert_eq!(parsed.claims["iss"], "a");
        assert_eq!(format!("{}.c2ln", parsed.signed), token);
        assert_eq!(parsed.signature, b"sig");
    }

    #[test]
    fn headers_that_no_token_of_ours_has_are_refused() {
        for (header, error) in [
            (r#"{"alg":"none","kid":"1"}"#, TokenError::Algorithm),
            (r#"{"alg":"None","kid":"1"}"#, TokenError::Algorithm),
            (r#"{"alg":"HS256","kid":"1"}"#, TokenError::Algorithm),
            (r#"{"alg":"rs256","kid":"1"}"#, TokenError::Algorithm),
            (r#"{"alg":"ES256K","kid":"1"}"#, TokenError::Algorithm),
            (r#"{"alg":"Ed448","kid":"1"}"#, TokenError::Algorithm),
            (r#"{"alg":["RS256"],"kid":"1"}"#, TokenError::Algorithm),
            (r#"{"kid":"1"}"#, TokenError::Algorithm),
            (r#"{"alg":"RS256"}"#, TokenError::KeyMissing),
            (r#"{"alg":"RS256","kid":""}"#, TokenError::KeyMissing),
            (r#"{"alg":"RS256","kid":1}"#, TokenError::KeyMissing),
            (r#"{"alg":"RS256","kid":"1","typ":1}"#, TokenError::Type),
            (
                r#"{"alg":"RS256","kid":"1","crit":[]}"#,
                TokenError::Critical,
            ),
            (
                r#"{"alg":"RS256","kid":"1","crit":null}"#,
                TokenError::Critical,
            ),
            (
                r#"{"alg":"RS256","kid":"1","b64":false}"#,
                TokenError::Critical,
            ),
            (
                r#"{"alg":"RS256","alg":"none","kid":"1"}"#,
                TokenError::DuplicateMember,
            ),
            (r#"[]"#, TokenError::Malformed),
        ] {
            assert_eq!(refused(header, "{}"), Some(error), "{header}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let good = token(GOOD, "{}");
        let long = token(
            GOOD,
            &format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_TOKEN_BYTES)),
        );
        let padded = good.replacen('.', "=.", 1);
        let encrypted = URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
        let encrypted = format!("{encrypted}.a2V5.aXY.dGV4dA.dGFn");
        let unreadable = format!("{good}=");
        // The last letter has bits that the signature does not.
        let ambiguous = good.replacen(".c2ln", ".c2ln_x", 1);
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c.d.e",
            &long,
            &padded,
            &encrypted,
            &unreadable,
            &ambiguous,
        ] {
            let read = Compact::parse(text).err();
            assert_eq!(read, Some(TokenError::Malformed), "{text:.30}");
        }
        assert_eq!(
            refused(GOOD, r#"{"exp":1,"exp":2}"#),
            Some(TokenError::DuplicateMember)
        );
        assert_eq!(refused(GOOD, "[]"), Some(TokenError::Malformed));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,40}", 0..6)) {
            let _ = Compact::parse(&text);
            let _ = Compact::parse(&parts.join("."));
        }
    }
}
