//! What happened, for another process to ask, and the switches of [`super::FakeAzure`]. None of it is
//! reachable through a gateway, which routes `/openai/` only.
//!
//! | request | answer |
//! |---|---|
//! | `GET /fake/ledger` | `entries`, `totals`, and how many requests are `open` |
//! | `GET /fake/requests` | the requests, word for word |
//! | `GET /fake/violations` | what reached the backend and must not |
//! | `GET /fake/control` | the deployments and the fault |
//! | `PUT /fake/control` | sets `deployments`, `fault` (a name, or null for none), or both |
//! | `POST /fake/clear` | forgets all of that |
//! | `GET /fake/health` | that it runs |

use super::deployment::Deployments;
use super::script::Fault;
use super::service::Service;
use crate::fakes::body::ReplyBody;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// Where these paths start.
pub const PATH: &str = "/fake/";

/// The body of `PUT /fake/control`: what is absent stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    deployments: Option<Deployments>,
    #[serde(default, deserialize_with = "even_null")]
    fault: Option<Option<Fault>>,
}

/// Tells a null from an absence.
fn even_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Fault>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Answers one of these paths.
pub(super) fn answer(service: &Service, parts: &Parts, body: &[u8]) -> Response<ReplyBody> {
    match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/fake/ledger") => json_of(
            StatusCode::OK,
            &json!({
                "entries": service.ledger.entries(),
                "totals": service.ledger.totals(),
                "open": service.ledger.open_count(),
            }),
        ),
        ("GET", "/fake/requests") => json_of(StatusCode::OK, &json!(service.log.all())),
        ("GET", "/fake/violations") => json_of(StatusCode::OK, &json!(service.guard.violations())),
        ("GET", "/fake/control") => json_of(StatusCode::OK, &control(service)),
        ("PUT", "/fake/control") => match serde_json::from_slice::<Change>(body) {
            Ok(change) => {
                apply(service, change);
                json_of(StatusCode::OK, &control(service))
            }
            Err(error) => json_of(
                StatusCode::BAD_REQUEST,
                &json!({"error": error.to_string()}),
            ),
        },
        ("POST", "/fake/clear") => {
            service.clear();
            json_of(StatusCode::OK, &json!({}))
        }
        ("GET", "/fake/health") => json_of(StatusCode::OK, &json!({"status": "ok"})),
        _ => json_of(StatusCode::NOT_FOUND, &json!({"error": "no such path"})),
    }
}

fn control(service: &Service) -> Value {
    json!({"deployments": *service.deployments(), "fault": service.fault()})
}

fn apply(service: &Service, change: Change) {
    if let Some(deployments) = change.deployments {
        service.set_deployments(deployments);
    }
    if let Some(fault) = change.fault {
        service.set_fault(fault);
    }
}

fn json_of(status: StatusCode, body: &Value) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
