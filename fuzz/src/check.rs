//! A whole `CheckRequest` of Envoy, as bytes, through the whole decision.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use prost::Message;
use tonic::{Code, Request};

use crate::xfcc::plain;
use crate::{Fixture, contains};

/// Decisions are forgotten this often: nobody comes for them here.
const SWEEP_EVERY: u32 = 10_000;
/// Longer than a decision waits.
const DECISION_LIFE: Duration = Duration::from_secs(60);

/// Nothing is allowed without one of the configured credentials, and every refusal is one that an
/// SDK can read.
pub(crate) fn run(data: &[u8]) -> bool {
    static DECIDED: AtomicU32 = AtomicU32::new(0);
    let Ok(request) = CheckRequest::decode(data) else {
        return false;
    };
    let fixture = Fixture::get();
    let answer = fixture.runtime.block_on(async {
        if DECIDED.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            tokio::time::advance(DECISION_LIFE).await;
            fixture.gateway.sweep();
        }
        fixture.authz.check(Request::new(request)).await
    });
    match answer {
        Ok(answer) => is_allowed(answer.into_inner(), data),
        Err(status) => {
            assert_eq!(status.code(), Code::InvalidArgument, "{status}");
            false
        }
    }
}

fn is_allowed(answer: CheckResponse, data: &[u8]) -> bool {
    match answer.http_response.expect("an answer") {
        HttpResponse::OkResponse(allowed) => {
            assert!(has_credential(data), "allowed without a credential");
            for name in ["authorization", "api-key", "x-forwarded-client-cert"] {
                let is_removed = allowed.headers_to_remove.iter().any(|it| it == name);
                assert!(is_removed, "{name} would reach the backend");
            }
            true
        }
        HttpResponse::DeniedResponse(denied) => {
            let status = denied.status.expect("a status").code;
            assert!((400..=503).contains(&status), "{status}");
            let body: serde_json::Value = serde_json::from_str(&denied.body).expect("JSON");
            assert!(body["error"]["code"].is_string(), "{body}");
            false
        }
        HttpResponse::ErrorResponse(error) => panic!("an error: {error:?}"),
    }
}

/// Whether one of the credentials is anywhere in the message.
fn has_credential(data: &[u8]) -> bool {
    let fixture = Fixture::get();
    let mut secrets = fixture.good_tokens.iter().chain(&fixture.good_keys);
    secrets.any(|secret| contains(data, secret))
        || contains(&plain(data), fixture.leaf_base64.as_bytes())
}
