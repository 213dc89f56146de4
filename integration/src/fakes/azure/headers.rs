//! The headers that every answer of Azure OpenAI has.

use super::deployment::Remaining;
use super::errors::number;
use super::guard::text;
use crate::fakes::body::ReplyBody;
use crate::fakes::unique::uuid;
use http::{HeaderMap, HeaderValue, Response};

const MODEL_SESSION: HeaderValue = HeaderValue::from_static("d012-20260724085100");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains; preload");

/// The ids, the region, and the echo of `x-ms-client-request-id`.
pub(super) fn add_common(
    response: &mut Response<ReplyBody>,
    request: &HeaderMap,
    region: &HeaderValue,
) {
    let headers = response.headers_mut();
    headers.insert("apim-request-id", id());
    // The service makes its own and does not repeat the caller's.
    headers.insert("x-request-id", id());
    headers.insert("x-ms-region", region.clone());
    headers.insert("x-content-type-options", NOSNIFF);
    headers.insert("strict-transport-security", HSTS);
    let echoed = text(request, "x-ms-client-request-id").unwrap_or("Not-Set");
    if let Ok(echoed) = HeaderValue::from_str(echoed) {
        headers.insert("x-ms-client-request-id", echoed);
    }
}

/// What a deployment that served adds.
pub(super) fn add_served(response: &mut Response<ReplyBody>, deployment: &str, left: Remaining) {
    let headers = response.headers_mut();
    headers.insert("azureml-model-session", MODEL_SESSION);
    headers.insert("x-ms-rai-invoked", TRUE);
    headers.insert("x-ratelimit-remaining-requests", signed(left.requests));
    headers.insert("x-ratelimit-remaining-tokens", signed(left.tokens));
    if let Ok(name) = HeaderValue::from_str(deployment) {
        headers.insert("x-ms-deployment-name", name);
    }
}

/// How busy a provisioned deployment is, in percent.
pub(super) fn add_utilization(response: &mut Response<ReplyBody>, percent: u64) {
    let mut value = number(u128::from(percent)).as_bytes().to_vec();
    value.push(b'%');
    if let Ok(value) = HeaderValue::from_bytes(&value) {
        response
            .headers_mut()
            .insert("azure-openai-deployment-utilization", value);
    }
}

/// Who was to serve, when another did: provisioned throughput spills over.
pub(super) fn add_spillover(response: &mut Response<ReplyBody>, from: &str) {
    if let Ok(from) = HeaderValue::from_str(from) {
        response
            .headers_mut()
            .insert("x-ms-spillover-from-deployment", from);
    }
}

fn id() -> HeaderValue {
    HeaderValue::from_str(&uuid()).expect("hexadecimal digits are a header's value")
}

fn signed(number: i64) -> HeaderValue {
    HeaderValue::from(number)
}
