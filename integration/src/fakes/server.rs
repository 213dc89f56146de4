//! The server under the fakes: HTTP/1.1 and HTTP/2 on one port, with or without TLS.

use super::body::{ReplyBody, Reset};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Any free port of this machine.
pub const ANY_LOCAL_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What a gateway may send in headers; a token alone may have 16 KiB.
const MAX_HEADER_LIST_BYTES: u32 = 128 * 1024;

/// A load test keeps many requests on one HTTP/2 connection.
const MAX_CONCURRENT_STREAMS: u32 = 1000;

/// A scripted stream may be endless.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What a server listens on.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Port 0 takes any free one.
    pub address: SocketAddr,
    /// None serves plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: ANY_LOCAL_PORT,
            tls: None,
        }
    }
}

/// What a fake does with a request.
pub trait Handler: Send + Sync + 'static {
    /// The answer, or [`Reset`] to tear the connection down without one.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<ReplyBody>, Reset>> + Send;
}

/// A running server. Dropping it ends it at once, connections and all, as a crash would.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    drain: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens, and serves from a task that this handle owns.
    pub async fn start<H: Handler>(listen: Listen, handler: Arc<H>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen.address).await?;
        let address = listener.local_addr()?;
        let drain = CancellationToken::new();
        let acceptor = listen.tls.map(TlsAcceptor::from);
        let accepting = tokio::spawn(accept(listener, acceptor, handler, drain.clone()));
        Ok(Self {
            address,
            drain,
            accepting,
        })
    }

    /// Where it listens, with the port it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests and waits for those it has, but not for ever.
    pub async fn stop(mut self) {
        self.drain.cancel();
        // Too late, or a panic that has been printed: what is left ends with `self`.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, &mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<H: Handler>(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    handler: Arc<H>,
    drain: CancellationToken,
) {
    // Owns the connections: they end with this future.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = drain.cancelled() => break,
            // Reaps, so that the set does not grow with each connection that ever was.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&handler), drain.clone()));
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn serve<H: Handler>(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    handler: Arc<H>,
    drain: CancellationToken,
) {
    // Each event of a stream is to leave when it is written.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    match acceptor {
        None => drive(stream, handler, drain).await,
        Some(acceptor) => {
            if let Ok(encrypted) = acceptor.accept(stream).await {
                drive(encrypted, handler, drain).await;
            }
        }
    }
}

async fn drive<H: Handler>(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    handler: Arc<H>,
    drain: CancellationToken,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS);
    let service = service_fn(move |request| Arc::clone(&handler).handle(request));
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
    // A connection that breaks is the client's business, or the script's: nothing to report.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
