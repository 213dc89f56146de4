//! A service in tollgate's place whose answers are not protobuf.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

/// A gRPC frame of seven bytes: field 1 announces far more bytes than follow.
const FRAME: &[u8] = b"\0\0\0\0\x07\x0a\xff\xff\xff\x07\xde\xad";

/// Answers every call on the socket with HTTP 200 and the frame.
pub(crate) fn serve(socket: &Path) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).expect("a socket");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(async move { drop(connection.await) });
        }
    })
}

async fn answer(_: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let response = http::Response::builder()
        .header("content-type", "application/grpc")
        .body(Full::new(Bytes::from_static(FRAME)));
    Ok(response.expect("a response"))
}
