//! The gRPC edge of the commands: who asks, and messages in and out.

use std::sync::Arc;
use std::time::SystemTime;

use tokio_stream::Iter;
use tonic::{Request, Response, Status};

use super::command::KeyCommands;
use super::peer::Peers;
use super::v1::keys_server::{Keys, KeysServer};
use super::{message, v1};
use crate::auth::{KeyEvent, KeyState, Validity};
use crate::unix_time::millis;

/// The service `tollgate.control.v1.Keys`.
pub struct Service {
    commands: Arc<KeyCommands>,
    peers: Peers,
}

impl Service {
    /// A service for root and the user `own_uid`, by what the kernel says of the socket's other end.
    pub fn server(commands: Arc<KeyCommands>, own_uid: u32) -> KeysServer<Self> {
        let peers = Peers { own_uid };
        KeysServer::new(Self { commands, peers })
    }

    /// Who asks, or a refusal.
    fn event<T>(&self, request: &Request<T>) -> Result<KeyEvent, Status> {
        let uid = self.peers.check(request)?;
        Ok(KeyEvent {
            by: format!("uid:{uid}"),
            at: SystemTime::now(),
        })
    }

    async fn set_state<T>(
        &self,
        request: &Request<T>,
        id: &str,
        state: KeyState,
    ) -> Result<Option<v1::Key>, Status> {
        let event = self.event(request)?;
        let id = message::id(id)?;
        let key = self.commands.set_state(&id, state, &event).await?;
        Ok(Some(message::key(&key)))
    }
}

/// The keys of a list, one at a time.
type Listed = Iter<std::vec::IntoIter<Result<v1::ListResponse, Status>>>;

#[tonic::async_trait]
impl Keys for Service {
    async fn issue(
        &self,
        request: Request<v1::IssueRequest>,
    ) -> Result<Response<v1::IssueResponse>, Status> {
        let event = self.event(&request)?;
        let asked = request.into_inner();
        let client = message::client(&asked.client)?;
        let slot = message::slot(asked.slot)?;
        let validity = Validity {
            not_before: message::moment(asked.not_before_ms)?,
            not_after: message::moment(asked.not_after_ms)?,
            ..Validity::default()
        };
        let (key, issued) = self.commands.issue(&client, slot, validity, &event).await?;
        Ok(Response::new(v1::IssueResponse {
            key: Some(message::key(&issued)),
            secret: key.expose().to_owned(),
        }))
    }

    async fn rotate(
        &self,
        request: Request<v1::RotateRequest>,
    ) -> Result<Response<v1::RotateResponse>, Status> {
        let event = self.event(&request)?;
        let asked = request.into_inner();
        let id = message::id(&asked.id)?;
        let grace = message::grace(asked.grace_ms)?;
        let end = message::new_end(&asked)?;
        let (key, all) = self.commands.rotate(&id, grace, end, &event).await?;
        let [issued, before, old] = all;
        Ok(Response::new(v1::RotateResponse {
            key: Some(message::key(&issued)),
            secret: key.expose().to_owned(),
            old: Some(message::key(&old)),
            old_end_ms: before.validity.not_after.map(millis),
        }))
    }

    async fn r#move(
        &self,
        request: Request<v1::MoveRequest>,
    ) -> Result<Response<v1::MoveResponse>, Status> {
        let event = self.event(&request)?;
        let asked = request.into_inner();
        let (which, to) = (message::which(&asked)?, message::client(&asked.to)?);
        let moved = self.commands.relocate(&which, &to, &event).await?;
        let keys = moved.iter().map(message::key).collect();
        Ok(Response::new(v1::MoveResponse { keys }))
    }

    async fn revoke(
        &self,
        request: Request<v1::RevokeRequest>,
    ) -> Result<Response<v1::RevokeResponse>, Status> {
        let id = &request.get_ref().id;
        let key = self.set_state(&request, id, KeyState::Revoked).await?;
        Ok(Response::new(v1::RevokeResponse { key }))
    }

    async fn suspend(
        &self,
        request: Request<v1::SuspendRequest>,
    ) -> Result<Response<v1::SuspendResponse>, Status> {
        let id = &request.get_ref().id;
        let key = self.set_state(&request, id, KeyState::Suspended).await?;
        Ok(Response::new(v1::SuspendResponse { key }))
    }

    async fn resume(
        &self,
        request: Request<v1::ResumeRequest>,
    ) -> Result<Response<v1::ResumeResponse>, Status> {
        let id = &request.get_ref().id;
        let key = self.set_state(&request, id, KeyState::Active).await?;
        Ok(Response::new(v1::ResumeResponse { key }))
    }

    type ListStream = Listed;

    async fn list(
        &self,
        request: Request<v1::ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        self.event(&request)?;
        let asked = request.get_ref();
        let client = match asked.client.as_str() {
            "" => None,
            text => Some(message::client(text)?),
        };
        let listed = self.commands.list(client.as_ref(), asked.with_configured);
        let listed = listed.await?;
        let all = message::list(&listed, |client| self.commands.is_known(client));
        let all: Vec<_> = all.into_iter().map(Ok).collect();
        Ok(Response::new(tokio_stream::iter(all)))
    }
}
