//! Who may use the fake: only a token that the identity fake issued, and nothing of the caller's.
//!
//! What a gateway must never let through is refused, and kept as a [`Violation`], so that a test can
//! assert that there was none.

use crate::fakes::token::{Claims, TokenFault, TokenSecret};
use crate::fakes::unique::unix_seconds;
use http::header::{AUTHORIZATION, HeaderMap};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Headers that are the caller's business, or the gateway's, but never the backend's.
pub const FORBIDDEN_HEADERS: [&str; 8] = [
    "api-key",
    "x-api-key",
    "ocp-apim-subscription-key",
    "x-forwarded-client-cert",
    "cookie",
    "proxy-authorization",
    "x-ms-spillover-deployment",
    "x-ms-oai-image-generation-deployment",
];

/// Query parameters that carry a key.
pub const FORBIDDEN_QUERY_PARAMETERS: [&str; 2] = ["subscription-key", "api-key"];

/// Tokens that were good the last time are not verified again until they end.
const MAX_REMEMBERED_TOKENS: usize = 1024;

/// One is a bug; nobody reads more than this.
const MAX_VIOLATIONS: usize = 10_000;

/// Something of the caller's that reached the backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The header's name; `?name` for a query parameter; `authorization` for a token that is not ours.
    pub name: String,
    /// The request's method.
    pub method: String,
    /// The request's path, with the query.
    pub path: String,
    /// The request's `x-request-id`.
    pub request_id: Option<String>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It carries a caller's credential.
    Key,
    /// It carries a key, and the resource has none.
    KeysDisabled,
    /// It has no valid token.
    Token,
    /// The identity has no role on this resource.
    Role,
}

/// Checks every request.
#[derive(Debug)]
pub(super) struct Guard {
    secret: TokenSecret,
    audience: String,
    principals: Option<Vec<String>>,
    has_keys: bool,
    remembered: RwLock<HashMap<String, Arc<Claims>>>,
    violations: Mutex<Vec<Violation>>,
}

impl Guard {
    pub(super) fn new(
        secret: TokenSecret,
        audience: String,
        principals: Option<Vec<String>>,
        has_keys: bool,
    ) -> Self {
        Self {
            secret,
            audience,
            principals,
            has_keys,
            remembered: RwLock::default(),
            violations: Mutex::default(),
        }
    }

    /// The claims of the request's token.
    pub(super) fn check(&self, parts: &Parts) -> Result<Arc<Claims>, Refusal> {
        let mut refused = false;
        for name in forbidden(parts) {
            self.accuse(name, parts);
            refused = true;
        }
        if parts.headers.contains_key("api-key") && !parts.headers.contains_key(AUTHORIZATION) {
            return Err(match self.has_keys {
                true => Refusal::Key,
                false => Refusal::KeysDisabled,
            });
        }
        let claims = self.claims(parts)?;
        if refused {
            return Err(Refusal::Key);
        }
        match &self.principals {
            Some(principals) if !principals.contains(&claims.appid) => Err(Refusal::Role),
            _ => Ok(claims),
        }
    }

    pub(super) fn violations(&self) -> Vec<Violation> {
        let violations = self
            .violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        violations.clone()
    }

    pub(super) fn clear(&self) {
        let mut violations = self
            .violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        violations.clear();
    }

    fn claims(&self, parts: &Parts) -> Result<Arc<Claims>, Refusal> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let first = values.next().ok_or(Refusal::Token)?;
        if values.next().is_some() {
            self.accuse("authorization".to_owned(), parts);
            return Err(Refusal::Token);
        }
        let token = first.to_str().ok().and_then(bearer);
        match token.map_or(Err(TokenFault::Foreign), |token| self.verify(token)) {
            Ok(claims) => Ok(claims),
            Err(TokenFault::Foreign) => {
                self.accuse("authorization".to_owned(), parts);
                Err(Refusal::Token)
            }
            Err(TokenFault::Expired | TokenFault::Audience) => Err(Refusal::Token),
        }
    }

    fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenFault> {
        let known = {
            let remembered = self
                .remembered
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            remembered.get(token).cloned()
        };
        if let Some(claims) = known.filter(|claims| claims.exp > unix_seconds()) {
            return Ok(claims);
        }
        let claims = Arc::new(self.secret.verify(token, &self.audience)?);
        let mut remembered = self
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED_TOKENS {
            remembered.clear();
        }
        remembered.insert(token.to_owned(), Arc::clone(&claims));
        Ok(claims)
    }

    fn accuse(&self, name: String, parts: &Parts) {
        let path = parts.uri.path_and_query().map(|path| path.as_str());
        let violation = Violation {
            name,
            method: parts.method.to_string(),
            path: path.unwrap_or_default().to_owned(),
            request_id: text(&parts.headers, "x-request-id").map(str::to_owned),
        };
        let mut violations = self
            .violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if violations.len() < MAX_VIOLATIONS {
            violations.push(violation);
        }
    }
}

/// A header's value, if it is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn forbidden(parts: &Parts) -> Vec<String> {
    let headers = FORBIDDEN_HEADERS
        .into_iter()
        .filter(|name| parts.headers.contains_key(*name))
        .map(str::to_owned);
    let query = parts.uri.query().unwrap_or_default();
    let parameters = query.split('&').filter_map(|pair| {
        let name = pair.split('=').next()?;
        let known = FORBIDDEN_QUERY_PARAMETERS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name))?;
        Some(format!("?{known}"))
    });
    headers.chain(parameters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use std::time::Duration;

    const AUDIENCE: &str = "https://cognitiveservices.azure.com";

    fn guard(secret: &TokenSecret) -> Guard {
        Guard::new(secret.clone(), AUDIENCE.to_owned(), None, true)
    }

    fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let builder = headers
            .iter()
            .fold(Request::builder().uri(uri), |builder, (name, value)| {
                builder.header(*name, *value)
            });
        builder.body(()).expect("a request").into_parts().0
    }

    fn token(secret: &TokenSecret) -> String {
        let claims = Claims::new(AUDIENCE, "app", Duration::from_secs(60));
        format!("Bearer {}", secret.sign(&claims))
    }

    #[test]
    fn each_forbidden_header_is_refused_and_named_even_beside_a_good_token() {
        let secret = TokenSecret::random();
        let good = token(&secret);
        for name in FORBIDDEN_HEADERS {
            let guard = guard(&secret);
            let parts = request("/openai", &[("authorization", &good), (name, "secret")]);
            assert_eq!(guard.check(&parts), Err(Refusal::Key), "{name} got in");
            let names: Vec<String> = guard.violations().into_iter().map(|v| v.name).collect();
            assert_eq!(names, [name], "not the header's name");
        }
    }

    #[test]
    fn a_key_alone_is_refused_by_what_the_resource_has() {
        for (has_keys, refusal) in [(true, Refusal::Key), (false, Refusal::KeysDisabled)] {
            let guard = Guard::new(TokenSecret::random(), AUDIENCE.to_owned(), None, has_keys);
            let parts = request("/openai/v1/models", &[("api-key", "k")]);
            assert_eq!(guard.check(&parts), Err(refusal));
            assert_eq!(guard.violations()[0].name, "api-key");
        }
    }

    #[test]
    fn a_key_in_the_query_is_refused() {
        let secret = TokenSecret::random();
        let guard = guard(&secret);
        let parts = request(
            "/o?Subscription-Key=k",
            &[("authorization", &token(&secret))],
        );
        assert_eq!(guard.check(&parts), Err(Refusal::Key));
        assert_eq!(guard.violations()[0].name, "?subscription-key");
    }

    #[test]
    fn a_token_of_another_issuer_is_a_violation_and_a_missing_one_is_not() {
        let secret = TokenSecret::random();
        let guard = guard(&secret);
        let none = guard.check(&request("/o", &[]));
        assert_eq!(none, Err(Refusal::Token));
        assert!(guard.violations().is_empty(), "nothing was leaked");
        let theirs = token(&TokenSecret::random());
        let foreign = guard.check(&request("/o", &[("authorization", &theirs)]));
        assert_eq!(foreign, Err(Refusal::Token));
        assert_eq!(guard.violations()[0].name, "authorization");
    }

    #[test]
    fn a_good_token_is_accepted_and_one_without_the_role_is_not() {
        let secret = TokenSecret::random();
        let parts = request("/o", &[("authorization", &token(&secret))]);
        let claims = guard(&secret).check(&parts).expect("a good token");
        assert_eq!(claims.appid, "app");
        let others = Some(vec!["another".to_owned()]);
        let strict = Guard::new(secret, AUDIENCE.to_owned(), others, true);
        assert_eq!(strict.check(&parts), Err(Refusal::Role));
    }
}
