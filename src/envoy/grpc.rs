//! The gRPC endpoint that Envoy speaks to: ext_authz, ext_proc, health.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::ExternalProcessorServer;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use super::listener::Listener;
use super::network_peers::NetworkPeers;
use super::worker::Worker;
use super::{Authz, MAX_MESSAGE_BYTES, Processor};
use crate::admin::Readiness;
use crate::gateway::Gateway;

/// How often health follows readiness.
const HEALTH_INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait after an accept that failed: usually the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then until the last stream has ended or is `cut`.
pub(crate) async fn serve(
    listener: Listener,
    gateway: Arc<Gateway>,
    readiness: Arc<Readiness>,
    stop: CancellationToken,
    cut: CancellationToken,
) -> io::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let network = Arc::new(NetworkPeers::new(Arc::clone(&gateway)));
    let authz = AuthorizationServer::new(Authz::new(Arc::clone(&gateway)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    let process = ExternalProcessorServer::new(Processor::new(gateway))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let routes = Routes::new(health).add_service(authz).add_service(process);
    let threads = std::thread::available_parallelism()?.get();
    let workers = (0..threads)
        .map(|number| {
            let (routes, network) = (routes.clone(), Arc::clone(&network));
            Worker::start(number, routes, network, stop.clone(), cut.clone())
        })
        .collect::<io::Result<Vec<_>>>()?;
    tokio::select! {
        () = accept(&listener, &workers) => {}
        () = follow_readiness(&reporter, &readiness) => {}
        () = network.keep_checking() => {}
        () = stop.cancelled() => {}
    }
    // Envoy hears at once that nobody takes new connections, and that this one drains.
    drop(listener);
    report_health(&reporter, &readiness).await;
    let ended = async {
        for worker in workers {
            worker.ended().await;
        }
    };
    // Whoever may not call any more is cut while the rest drains, too.
    tokio::select! {
        () = network.keep_checking() => {}
        () = ended => {}
    }
    Ok(())
}

/// Hands connections to the threads in turn.
async fn accept(listener: &Listener, workers: &[Worker]) {
    for worker in workers.iter().cycle() {
        let connection = loop {
            match listener.accept().await {
                Ok(connection) => break connection,
                Err(error) => {
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        worker.serve(connection);
    }
}

async fn follow_readiness(reporter: &HealthReporter, readiness: &Readiness) {
    let mut ticks = interval(HEALTH_INTERVAL);
    loop {
        ticks.tick().await;
        report_health(reporter, readiness).await;
    }
}

/// grpc.health.v1 says what `/readyz` says, for the server as a whole and for each service.
async fn report_health(reporter: &HealthReporter, readiness: &Readiness) {
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
