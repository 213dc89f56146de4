//! The client credentials flow of Entra ID, with a secret or with a signed assertion (workload
//! identity): <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.

use super::{IdentityState, json, pairs, value};
use crate::fakes::body::ReplyBody;
use crate::fakes::unique::{unix_seconds, uuid};
use http::{Response, StatusCode};
use serde_json::json as object;

/// How the path of a token endpoint ends, after the tenant.
pub(super) const PATH_END: &str = "/oauth2/v2.0/token";

/// RFC 7523, section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Entra's errors, by their number.
struct Refusal {
    error: &'static str,
    number: u32,
    description: &'static str,
    status: StatusCode,
}

const UNKNOWN_GRANT: Refusal = Refusal {
    error: "unsupported_grant_type",
    number: 70003,
    description: "The app requested an unsupported grant type.",
    status: StatusCode::BAD_REQUEST,
};
const NO_SCOPE: Refusal = Refusal {
    error: "invalid_scope",
    number: 70011,
    description: "The provided value for the input parameter 'scope' is not valid.",
    status: StatusCode::BAD_REQUEST,
};
const NO_CLIENT: Refusal = Refusal {
    error: "invalid_request",
    number: 900_144,
    description: "The request body must contain the following parameter: 'client_id'.",
    status: StatusCode::BAD_REQUEST,
};
const WRONG_SECRET: Refusal = Refusal {
    error: "invalid_client",
    number: 7_000_215,
    description: "Invalid client secret provided.",
    status: StatusCode::UNAUTHORIZED,
};
const WRONG_ASSERTION: Refusal = Refusal {
    error: "invalid_client",
    number: 50027,
    description: "JWT token is invalid or malformed.",
    status: StatusCode::UNAUTHORIZED,
};

/// Answers a `POST` of the form `body` to `path`.
pub(super) fn answer(state: &IdentityState, path: &str, body: &[u8]) -> Response<ReplyBody> {
    let tenant = path.trim_end_matches(PATH_END).trim_start_matches('/');
    if tenant.is_empty() || tenant.contains('/') {
        return json(StatusCode::NOT_FOUND, &object!({}));
    }
    match grant(state, &pairs(body)) {
        Ok((audience, client_id)) => {
            let (token, claims) = state.issue(&audience, &client_id);
            let lifetime = claims.exp - claims.iat;
            let body = object!({
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": token,
            });
            json(StatusCode::OK, &body)
        }
        Err(refusal) => refuse(&refusal),
    }
}

/// The audience and the client that the form proves its right to.
fn grant(state: &IdentityState, form: &[(String, String)]) -> Result<(String, String), Refusal> {
    if value(form, "grant_type") != Some("client_credentials") {
        return Err(UNKNOWN_GRANT);
    }
    let client_id = value(form, "client_id").ok_or(NO_CLIENT)?;
    let audience = value(form, "scope")
        .and_then(|scope| scope.strip_suffix("/.default"))
        .ok_or(NO_SCOPE)?;
    match value(form, "client_assertion") {
        Some(assertion) => {
            let typed = value(form, "client_assertion_type") == Some(ASSERTION_TYPE);
            // Who signed it is Entra's to check; that it is a JWT is the caller's part.
            if !typed || assertion.split('.').count() != 3 {
                return Err(WRONG_ASSERTION);
            }
        }
        None if value(form, "client_secret") != Some(&state.options.client_secret) => {
            return Err(WRONG_SECRET);
        }
        None => {}
    }
    Ok((audience.to_owned(), client_id.to_owned()))
}

fn refuse(refusal: &Refusal) -> Response<ReplyBody> {
    let trace = uuid();
    let body = object!({
        "error": refusal.error,
        "error_description": format!("AADSTS{}: {} Trace ID: {trace}", refusal.number, refusal.description),
        "error_codes": [refusal.number],
        "timestamp": unix_seconds().to_string(),
        "trace_id": trace,
        "correlation_id": uuid(),
    });
    json(refusal.status, &body)
}
