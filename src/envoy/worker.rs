//! Threads that serve Envoy's connections, each with a runtime of its own.
//!
//! Envoy has one connection for each of its workers. A connection stays on one thread with all of its
//! streams, so no message is handed from one thread to another: with a shared runtime, waking the
//! other thread was the largest part of a request's cost.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;

use super::connection::{Accepted, Connection};
use super::network_peers::NetworkPeers;

/// Flow-control windows, in bytes. hyper's default for a connection is that of one stream, so that
/// a single large body would hold up every other stream.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 * 1024;
/// How long the answer to a ping may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams that Envoy may cancel before they are accepted. h2's default of 20 guards against strangers
/// (CVE-2023-44487) and answers with the end of the connection, which ends every live stream on it;
/// Envoy is trusted, and cancels one stream for every request that times out.
const MAX_PENDING_RESET_STREAMS: usize = 100_000;

/// A thread that serves.
pub(super) struct Worker {
    connections: mpsc::UnboundedSender<Accepted>,
    ended: oneshot::Receiver<()>,
}

impl Worker {
    /// Starts a thread; it ends after `stop`, when its last stream has ended or is `cut`.
    pub(super) fn start(
        number: usize,
        routes: Routes,
        network: Arc<NetworkPeers>,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> io::Result<Self> {
        let (connections, incoming) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name(format!("grpc-{number}"))
            .spawn(move || {
                let served = runtime.block_on(serve(incoming, routes, network, stop, cut));
                if let Err(error) = served {
                    tracing::error!(%error, "the gRPC endpoint has failed");
                }
                // Streams that were cut are dropped, and so settled, before anybody hears of the end.
                drop(runtime);
                let _ = end.send(());
            })?;
        Ok(Self { connections, ended })
    }

    /// Gives it a connection to serve.
    pub(super) fn serve(&self, connection: Accepted) {
        if self.connections.send(connection).is_err() {
            tracing::error!("a connection was assigned to a thread that has ended");
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(self) {
        drop(self.connections);
        let _ = self.ended.await;
    }
}

/// Begins connections, none of which waits for another one.
async fn begin(
    mut incoming: mpsc::UnboundedReceiver<Accepted>,
    network: Arc<NetworkPeers>,
    cut: CancellationToken,
    ready: mpsc::UnboundedSender<Connection>,
) {
    while let Some(accepted) = incoming.recv().await {
        let (network, cut, ready) = (Arc::clone(&network), cut.clone(), ready.clone());
        tokio::spawn(async move {
            let from = accepted.from();
            match Connection::new(accepted, &network, &cut).await {
                // Nobody waits for it where the service ends.
                Ok(connection) => drop(ready.send(connection)),
                Err(error) => network.refuse(&error, from),
            }
        });
    }
}

async fn serve(
    incoming: mpsc::UnboundedReceiver<Accepted>,
    routes: Routes,
    network: Arc<NetworkPeers>,
    stop: CancellationToken,
    cut: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let (ready, connections) = mpsc::unbounded_channel();
    let keepalive = network.keepalive();
    tokio::spawn(begin(incoming, network, cut, ready));
    let connections = UnboundedReceiverStream::new(connections).map(Ok::<_, io::Error>);
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(keepalive)
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESET_STREAMS))
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, stop.cancelled())
        .await
}
