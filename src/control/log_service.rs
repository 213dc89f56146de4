//! The gRPC edge of what the service logs.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::peer::Peers;
use super::v1;
use super::v1::log_server::{Log, LogServer};

/// What is logged, while the service runs.
pub trait LogFilter: Send + Sync + 'static {
    /// What is logged now.
    fn current(&self) -> String;

    /// Logs something else from now on; gives what was logged before.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    fn replace(&self, filter: &str) -> Result<String, String>;
}

/// The service `tollgate.control.v1.Log`.
pub struct LogService {
    filter: Arc<dyn LogFilter>,
    peers: Peers,
}

impl LogService {
    /// A service for root and the user `own_uid`.
    pub fn server(filter: Arc<dyn LogFilter>, own_uid: u32) -> LogServer<Self> {
        let peers = Peers { own_uid };
        LogServer::new(Self { filter, peers })
    }
}

#[tonic::async_trait]
impl Log for LogService {
    async fn filter(
        &self,
        request: Request<v1::FilterRequest>,
    ) -> Result<Response<v1::FilterResponse>, Status> {
        self.peers.check(&request)?;
        let previous = match request.into_inner().filter {
            None => self.filter.current(),
            Some(filter) => {
                let replaced = self.filter.replace(&filter);
                replaced.map_err(Status::invalid_argument)?
            }
        };
        let filter = self.filter.current();
        Ok(Response::new(v1::FilterResponse { filter, previous }))
    }
}
