//! A backend that answers with what it was sent, for tests of what Envoy lets through.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::failure::Failure;

/// Headers of Azure that callers do not get, as they tell of the shared instance, in each answer.
pub const INSTANCE_HEADERS: [(&str, &str); 6] = [
    ("x-ratelimit-remaining-tokens", "119999"),
    ("x-ratelimit-remaining-requests", "-1"),
    ("azureml-model-session", "d056-20240815"),
    ("set-cookie", "ARRAffinity=1"),
    // Which pages may read an answer is the gateway's to say.
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "*"),
];
/// Headers of Azure that callers may see, in each answer.
pub const PUBLIC_HEADERS: [(&str, &str); 3] = [
    ("x-ms-region", "Sweden Central"),
    ("apim-request-id", "0b4f2f4e"),
    ("x-request-id", "chosen-by-azure"),
];

/// A running echo server on plain HTTP; it ends with its owner.
#[derive(Debug)]
pub struct Echo {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Echo {
    /// Starts it on loopback.
    pub async fn start() -> Result<Self, Failure> {
        let failed = |error| Failure::new("echo server", error);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let task = tokio::spawn(async move {
            let served = axum::serve(
                listener,
                Router::new()
                    .fallback(echo)
                    .layer(axum::extract::DefaultBodyLimit::disable()),
            )
            .await;
            drop(served);
        });
        Ok(Self { address, task })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `{"method", "path", "headers": {name: [value]}, "body"}`.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let seen: Value = headers
        .keys()
        .map(|name| {
            let values = headers.get_all(name).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            (name.to_string(), json!(values))
        })
        .collect();
    let answer = Json(json!({
        "method": method.as_str(),
        "path": uri.to_string(),
        "headers": seen,
        "body": String::from_utf8_lossy(&body),
    }));
    let mut response = answer.into_response();
    for (name, value) in INSTANCE_HEADERS.into_iter().chain(PUBLIC_HEADERS) {
        let value = axum::http::HeaderValue::from_static(value);
        response.headers_mut().append(name, value);
    }
    response
}
