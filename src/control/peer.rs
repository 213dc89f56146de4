//! Who is at the other end of the control socket.

use tonic::transport::server::UdsConnectInfo;
use tonic::{Request, Status};

/// Root, who could read the database anyway.
const ROOT: u32 = 0;

/// Lets root and one user in, by what the kernel says of the socket's other end.
#[derive(Clone, Copy)]
pub(super) struct Peers {
    /// The user that this process runs as.
    pub(super) own_uid: u32,
}

impl Peers {
    /// The user who asks, or a refusal.
    pub(super) fn check<T>(self, request: &Request<T>) -> Result<u32, Status> {
        let peer = request.extensions().get::<UdsConnectInfo>();
        let uid = peer.and_then(|it| it.peer_cred).map(|it| it.uid());
        match uid {
            Some(uid) if uid == ROOT || uid == self.own_uid => Ok(uid),
            _ => {
                tracing::warn!(uid, "another user tried to use the control socket");
                Err(Status::permission_denied(format!(
                    "only root and the user that tollgate runs as (uid {}) may do this",
                    self.own_uid
                )))
            }
        }
    }
}
