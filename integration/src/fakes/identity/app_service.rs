//! Managed identity as App Service and Azure Functions offer it:
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>.

use super::{IdentityState, SYSTEM_ASSIGNED_CLIENT_ID, json, pairs, value};
use crate::fakes::body::ReplyBody;
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::json as object;

/// The only version of this API in use.
const API_VERSION: &str = "2019-08-01";

/// Answers a `GET` of the endpoint.
pub(super) fn answer(state: &IdentityState, parts: &Parts) -> Response<ReplyBody> {
    let secret = parts.headers.get("x-identity-header");
    if secret.map(http::HeaderValue::as_bytes) != Some(state.options.header_secret.as_bytes()) {
        return refusal(
            StatusCode::UNAUTHORIZED,
            "the X-IDENTITY-HEADER is missing or wrong",
        );
    }
    let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
    if value(&query, "api-version") != Some(API_VERSION) {
        return refusal(StatusCode::BAD_REQUEST, "the api-version is not supported");
    }
    let Some(resource) = value(&query, "resource").filter(|resource| !resource.is_empty()) else {
        return refusal(StatusCode::BAD_REQUEST, "the resource is missing");
    };
    let client_id = value(&query, "client_id").unwrap_or(SYSTEM_ASSIGNED_CLIENT_ID);
    let (token, claims) = state.issue(resource, client_id);
    let body = object!({
        "access_token": token,
        "expires_on": claims.exp.to_string(),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": client_id,
    });
    json(StatusCode::OK, &body)
}

fn refusal(status: StatusCode, message: &str) -> Response<ReplyBody> {
    json(
        status,
        &object!({"statusCode": status.as_u16(), "message": message}),
    )
}
