//! The gRPC endpoint that Envoy speaks to: ext_authz, ext_proc, health.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::ExternalProcessorServer;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::time::interval;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_health::server::HealthReporter;

use super::connection::Connection;
use crate::admin::Readiness;
use crate::config::GrpcAddress;
use crate::envoy::{Authz, Gateway, MAX_MESSAGE_BYTES, Processor};

/// Envoy's user and group, nobody else: the endpoint hands out the identity's token.
const SOCKET_MODE: u32 = 0o660;
/// Flow-control windows, in bytes. hyper's default for a connection is that of one stream, so that
/// a single large body would hold up every other stream.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 * 1024;
/// Streams that Envoy may cancel before they are accepted. h2's default of 20 guards against strangers
/// (CVE-2023-44487) and answers with the end of the connection, which ends every live stream on it;
/// Envoy is no stranger, and cancels one stream for every request that times out.
const MAX_PENDING_RESET_STREAMS: usize = 100_000;
/// How often health follows readiness.
const HEALTH_INTERVAL: Duration = Duration::from_millis(200);

/// Where Envoy connects.
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// Listens.
pub(super) async fn bind(address: &GrpcAddress) -> Result<Listener, String> {
    let failed = |error: io::Error| format!("listen.grpc: {address} can't be listened on: {error}");
    match address {
        GrpcAddress::Unix(path) => {
            remove_stale(path).await.map_err(failed)?;
            let listener = UnixListener::bind(path).map_err(failed)?;
            std::fs::set_permissions(path, PermissionsExt::from_mode(SOCKET_MODE))
                .map_err(failed)?;
            Ok(Listener::Unix(listener))
        }
        GrpcAddress::Tcp(address) => Ok(Listener::Tcp(
            TcpListener::bind(address).await.map_err(failed)?,
        )),
    }
}

/// Removes the socket of a process that has gone; one that answers is left alone.
async fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::Error::other(
            "something that is no socket is there already",
        )),
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_) => Err(io::Error::other("another process is listening there")),
            Err(_) => std::fs::remove_file(path),
        },
    }
}

/// Serves until `stop`, then until the last stream has ended or is `cut`.
pub(super) async fn serve(
    listener: Listener,
    gateway: Arc<Gateway>,
    readiness: Arc<Readiness>,
    stop: CancellationToken,
    cut: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reporting = report_health(reporter, readiness);
    let authz = AuthorizationServer::new(Authz::new(Arc::clone(&gateway)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    let process = ExternalProcessorServer::new(Processor::new(gateway))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let router = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESET_STREAMS))
        .add_service(health)
        .add_service(authz)
        .add_service(process);
    let serving = async {
        match listener {
            Listener::Unix(listener) => {
                let connections = UnixListenerStream::new(listener)
                    .map(|io| io.map(|io| Connection::new(io, &cut)));
                router
                    .serve_with_incoming_shutdown(connections, stop.cancelled())
                    .await
            }
            Listener::Tcp(listener) => {
                let connections = TcpListenerStream::new(listener)
                    .map(|io| io.map(|io| Connection::new(io, &cut)));
                router
                    .serve_with_incoming_shutdown(connections, stop.cancelled())
                    .await
            }
        }
    };
    tokio::select! {
        ended = serving => ended,
        () = reporting => Ok(()),
    }
}

/// grpc.health.v1 says what `/readyz` says, for the server as a whole and for each service.
async fn report_health(reporter: HealthReporter, readiness: Arc<Readiness>) {
    let mut ticks = interval(HEALTH_INTERVAL);
    loop {
        ticks.tick().await;
        let status = match readiness.obstacle() {
            None => tonic_health::ServingStatus::Serving,
            Some(_) => tonic_health::ServingStatus::NotServing,
        };
        for service in [
            "",
            "envoy.service.auth.v3.Authorization",
            "envoy.service.ext_proc.v3.ExternalProcessor",
        ] {
            reporter.set_service_status(service, status).await;
        }
    }
}
