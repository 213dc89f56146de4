//! A realtime session: the upgrade, `session.created`, and then an echo of whatever comes.
//!
//! The key of the handshake must be the one of RFC 6455, section 1.3: the fake knows no other
//! `sec-websocket-accept`.

use super::errors::ApiError;
use super::route::{self, Target};
use super::service::Service;
use crate::fakes::body::ReplyBody;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The key of the handshake that the fake takes.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer to it.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The first message of a session, in a frame of RFC 6455: text, whole, not masked.
pub const FIRST_FRAME: &[u8] = b"\x81\x1a{\"type\":\"session.created\"}";

/// Whether a request wants a WebSocket.
pub(super) fn is_upgrade(request: &Request<Incoming>) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    upgrade.is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers the handshake; the session lives as long as its connection.
pub(super) fn answer(service: &Service, request: Request<Incoming>) -> Response<ReplyBody> {
    let (mut parts, _) = request.into_parts();
    if let Err(refusal) = service.guard.check(&parts) {
        return ApiError::from(refusal).response();
    }
    let query = parts.uri.query().unwrap_or_default();
    let target = route::parse(&parts.method, parts.uri.path(), query);
    let Some(Target::Realtime { deployment }) = target else {
        return ApiError::NotFound.response();
    };
    if deployment.is_some_and(|name| !service.deployments().contains_key(&name)) {
        return ApiError::DeploymentNotFound.response();
    }
    let key = parts.headers.get("sec-websocket-key");
    if key.is_none_or(|key| key != KEY) {
        return ApiError::invalid("the fake knows one key of a handshake only").response();
    }
    service.log.push(super::log::RecordedRequest::new(
        0,
        &parts,
        bytes::Bytes::new(),
    ));
    let upgrade = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    tokio::spawn(async move {
        let Some(upgrade) = upgrade else {
            return;
        };
        let Ok(stream) = upgrade.await else {
            return;
        };
        let mut stream = TokioIo::new(stream);
        let mut buffer = [0; 4096];
        let mut sent = stream.write_all(FIRST_FRAME).await;
        while sent.is_ok() {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => sent = stream.write_all(&buffer[..length]).await,
            }
        }
    });
    let mut response = Response::new(ReplyBody::whole(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert("sec-websocket-accept", HeaderValue::from_static(ACCEPT));
    response
}
