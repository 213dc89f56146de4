//! The gRPC edge of what can be asked of limits.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio_stream::Iter;
use tonic::{Request, Response, Status};

use super::error::ControlError;
use super::limits::{LimitBook, ListedLimits};
use super::peer::Peers;
use super::v1::limits_server::{Limits, LimitsServer};
use super::{limits_message, message, v1};

/// Users that one answer may have: each is a message of its own, and all of them are in memory for a moment.
const MAX_USERS: u32 = 100_000;

/// The service `tollgate.control.v1.Limits`.
pub struct LimitsService {
    book: Arc<dyn LimitBook>,
    peers: Peers,
}

impl LimitsService {
    /// A service for root and the user `own_uid`.
    pub fn server(book: Arc<dyn LimitBook>, own_uid: u32) -> LimitsServer<Self> {
        let peers = Peers { own_uid };
        LimitsServer::new(Self { book, peers })
    }
}

/// Subjects, one at a time: however many there are, no message is large.
type Listed = Iter<std::vec::IntoIter<Result<v1::ListLimitsResponse, Status>>>;

#[tonic::async_trait]
impl Limits for LimitsService {
    type ListLimitsStream = Listed;

    async fn list_limits(
        &self,
        request: Request<v1::ListLimitsRequest>,
    ) -> Result<Response<Listed>, Status> {
        self.peers.check(&request)?;
        let asked = request.into_inner();
        let client = match asked.client.as_str() {
            "" => None,
            text => Some(message::client(text)?),
        };
        let max_users = asked.max_users.min(MAX_USERS);
        let book = Arc::clone(&self.book);
        // There can be 100,000 clients and as many users: the thread that serves requests is not for that.
        let listed = spawn_blocking(move || {
            let max_users = usize::try_from(max_users).unwrap_or(0);
            let listed = book.list(client.as_ref(), max_users);
            let unknown = || client.map(|it| it.to_string()).unwrap_or_default();
            listed
                .map(responses)
                .ok_or_else(|| ControlError::UnknownClient(unknown()))
        });
        let listed = listed.await;
        let all = listed.map_err(|error| Status::internal(error.to_string()))??;
        Ok(Response::new(tokio_stream::iter(all)))
    }

    async fn foresee(
        &self,
        request: Request<v1::ForeseeRequest>,
    ) -> Result<Response<v1::ForeseeResponse>, Status> {
        self.peers.check(&request)?;
        let intent = limits_message::intent(request.into_inner())?;
        let foreseen = self.book.foresee(&intent);
        let unknown = || ControlError::UnknownClient(intent.client.to_string());
        let foreseen = foreseen.ok_or_else(unknown)?;
        Ok(Response::new(limits_message::of_foreseen(&foreseen)))
    }
}

fn responses(listed: ListedLimits) -> Vec<Result<v1::ListLimitsResponse, Status>> {
    let common = v1::ListLimitsResponse {
        limits: None,
        currency: listed.currency.as_deref().unwrap_or_default().to_owned(),
        time_zone: listed.time_zone,
        users_left_out: u64::try_from(listed.users_left_out).unwrap_or(u64::MAX),
        away: listed.away.map(limits_message::of_away),
    };
    let each = listed.subjects.iter().map(|of| {
        Ok(v1::ListLimitsResponse {
            limits: Some(limits_message::of_subject(of)),
            ..common.clone()
        })
    });
    let mut all: Vec<_> = each.collect();
    if all.is_empty() {
        all.push(Ok(common));
    }
    all
}
