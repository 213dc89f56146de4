//! What a command has done by itself, without the service, and its audit log is to say.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::peer::Peers;
use super::v1;
use super::v1::audit_server::{Audit, AuditServer};

/// Costs of a period were computed anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recomputed {
    /// From this moment on, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Before that one.
    pub to_ms: Option<i64>,
    /// Records that were looked at.
    pub seen: u64,
    /// Those that have another price or cost now.
    pub changed: u64,
    /// What all that was looked at costs, by currency.
    pub cost: Vec<Repriced>,
    /// Why it has ended before its end.
    pub error: Option<String>,
}

/// An amount before and after, in billionths of a currency; `None` where no record has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repriced {
    /// ISO 4217's code.
    pub currency: String,
    /// Before.
    pub before_nanos: Option<i64>,
    /// After.
    pub after_nanos: Option<i64>,
}

/// Who writes the audit log.
pub trait AuditEvents: Send + Sync {
    /// Costs were computed anew, by somebody such as `uid:1000`.
    fn recomputed(&self, recomputed: &Recomputed, by: &str);
}

/// The message that says so.
pub fn request(recomputed: &Recomputed) -> v1::RecomputedRequest {
    let cost = recomputed.cost.iter().map(|it| v1::Repriced {
        currency: it.currency.clone(),
        before_nanos: it.before_nanos,
        after_nanos: it.after_nanos,
    });
    v1::RecomputedRequest {
        from_ms: recomputed.from_ms,
        to_ms: recomputed.to_ms,
        seen: recomputed.seen,
        changed: recomputed.changed,
        cost: cost.collect(),
        error: recomputed.error.clone(),
    }
}

fn read(request: v1::RecomputedRequest) -> Recomputed {
    let cost = request.cost.into_iter().map(|it| Repriced {
        currency: it.currency,
        before_nanos: it.before_nanos,
        after_nanos: it.after_nanos,
    });
    Recomputed {
        from_ms: request.from_ms,
        to_ms: request.to_ms,
        seen: request.seen,
        changed: request.changed,
        cost: cost.collect(),
        error: request.error,
    }
}

/// The service `tollgate.control.v1.Audit`.
pub struct AuditService {
    events: Arc<dyn AuditEvents>,
    peers: Peers,
}

impl AuditService {
    /// A service for root and the user `own_uid`, by what the kernel says of the socket's other end.
    pub fn server(events: Arc<dyn AuditEvents>, own_uid: u32) -> AuditServer<Self> {
        let peers = Peers { own_uid };
        AuditServer::new(Self { events, peers })
    }
}

#[tonic::async_trait]
impl Audit for AuditService {
    async fn recomputed(
        &self,
        request: Request<v1::RecomputedRequest>,
    ) -> Result<Response<v1::RecomputedResponse>, Status> {
        let uid = self.peers.check(&request)?;
        let recomputed = read(request.into_inner());
        self.events.recomputed(&recomputed, &format!("uid:{uid}"));
        Ok(Response::new(v1::RecomputedResponse {}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recomputed_comes_over_the_socket_as_it_was_sent() {
        let recomputed = Recomputed {
            from_ms: Some(1),
            to_ms: None,
            seen: 3,
            changed: 2,
            cost: vec![Repriced {
                currency: "USD".to_owned(),
                before_nanos: None,
                after_nanos: Some(0),
            }],
            error: Some("a full disk".to_owned()),
        };
        assert_eq!(read(request(&recomputed)), recomputed);
    }
}
