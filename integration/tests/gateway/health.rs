//! A client of grpc.health.v1, spoken by hand: one unary call over HTTP/2.

use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;

/// The status of a service: 1 is SERVING, 2 NOT_SERVING; none if nobody answers
/// (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>).
pub(crate) async fn check(socket: &Path, service: &str) -> Option<u64> {
    let stream = UnixStream::connect(socket).await.ok()?;
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.ok()?;
    tokio::spawn(connection);
    // HealthCheckRequest { service = 1 }, in gRPC's frame: a flag and the length.
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        message.put_u8(u8::try_from(service.len()).ok()?);
        message.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).ok()?);
    frame.put_slice(&message);
    let request = http::Request::post("http://localhost/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(frame)))
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    let body = response.into_body().collect().await.ok()?.to_bytes();
    // HealthCheckResponse { status = 1 }
    match body.get(5..)? {
        [0x08, status] => Some(u64::from(*status)),
        _ => None,
    }
}
