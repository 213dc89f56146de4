//! How much of the gateway one client may have at a time.

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
