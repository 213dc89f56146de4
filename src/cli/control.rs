//! The control socket, with what it is asked about limits, and the issued keys, as parts of the running service.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::Router;

use crate::config::{Config, Listen};
use crate::control::{
    AuditService, KeyCommands, LimitsService, LogService, Replica, Service, prepare_folder,
};
use crate::database::DatabaseUrl;
use crate::envoy::bind_unix;
use crate::gateway::Gateway;
use crate::telemetry::{LogHandle, Metrics};
use crate::usage::KeyUsage;

/// The user that tollgate runs as, nobody else.
const SOCKET_MODE: u32 = 0o600;

/// The issued keys of a configuration that stores them. A file that can't be opened is an
/// error of this machine's, reported at once; a server that is unavailable may come back.
pub(super) async fn replica(config: &Config) -> Result<Option<Arc<Replica>>, String> {
    let Some(url) = config.key_database() else {
        return Ok(None);
    };
    let is_file = matches!(url, DatabaseUrl::Sqlite { .. });
    let replica = Replica::new(url);
    if is_file {
        let opened = replica.poll().await;
        opened.map_err(|error| format!("data_directory: {error}"))?;
    }
    Ok(Some(Arc::new(replica)))
}

/// What commands are about.
pub(super) struct Commanded {
    pub(super) replica: Option<Arc<Replica>>,
    pub(super) usage: Option<KeyUsage>,
    pub(super) log: Arc<LogHandle>,
}

impl Commanded {
    pub(super) fn new(
        replica: Option<Arc<Replica>>,
        usage: Option<KeyUsage>,
        log: &Arc<LogHandle>,
    ) -> Self {
        Self {
            replica,
            usage,
            log: Arc::clone(log),
        }
    }
}

/// Keeps the keys up to date, and takes commands where the configuration has a socket for them.
pub(super) async fn start(
    commanded: Commanded,
    listen: &Listen,
    gateway: &Arc<Gateway>,
    metrics: &Metrics,
    stop: &CancellationToken,
) -> Result<Vec<JoinHandle<()>>, String> {
    let Commanded {
        replica,
        usage,
        log,
    } = commanded;
    let Some(replica) = replica else {
        return Ok(Vec::new());
    };
    metrics.observe_issued_keys(&replica);
    let mut tasks = Vec::new();
    if let Some(path) = &listen.control {
        let failed = |error| {
            let path = path.display();
            format!("listen.control: can't listen on unix:{path}: {error}")
        };
        prepare_folder(path, listen.grpc.path())?;
        let listener = bind_unix(path, SOCKET_MODE).await.map_err(failed)?;
        let own_uid = std::fs::metadata(path).map_err(failed)?.uid();
        let (clients, events) = (Arc::clone(gateway), Arc::clone(gateway));
        let (book, audit) = (Arc::clone(gateway), Arc::clone(gateway));
        let commands = Arc::new(KeyCommands::new(
            Arc::clone(&replica),
            clients,
            events,
            usage,
        ));
        let router = Server::builder()
            .add_service(Service::server(commands, own_uid))
            .add_service(LimitsService::server(book, own_uid))
            .add_service(LogService::server(log, own_uid))
            .add_service(AuditService::server(audit, own_uid));
        tasks.push(tokio::spawn(serve(listener, router, stop.clone())));
        tracing::info!(control = %path.display(), "listening for commands");
    }
    tasks.push(tokio::spawn(replica.keep_fresh(stop.clone())));
    Ok(tasks)
}

async fn serve(listener: UnixListener, router: Router, stop: CancellationToken) {
    let served = router
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop.cancelled())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the control socket has failed");
    }
}
