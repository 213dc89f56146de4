//! How much of the gateway, and of the service, one client may have.

use std::sync::Arc;

use crate::limits::{Priority, Queueing, Rule};

/// What a client may have under way at once, at one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Requests, from the decision about them to the end of their answer.
    pub concurrent_requests: usize,
    /// Bytes of bodies that are in memory: Envoy holds them until the answer begins.
    pub request_bytes: usize,
}

impl Default for ClientLimits {
    /// More than an application needs, and less than takes Envoy's memory or its streams from the others.
    fn default() -> Self {
        Self {
            concurrent_requests: 1_000,
            request_bytes: 256 * 1024 * 1024,
        }
    }
}

/// How much a client may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRules {
    /// The client.
    pub own: Arc<[Rule]>,
    /// Each of its end users.
    pub per_user: Arc<[Rule]>,
    /// Whether it comes before others where they share a limit.
    pub priority: Priority,
}

/// How much may be used through a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductRules {
    /// By all its clients together.
    pub shared: Arc<[Rule]>,
    /// By each of its clients.
    pub per_client: Arc<[Rule]>,
    /// Whether a request may wait for room.
    pub queueing: Option<Queueing>,
}
