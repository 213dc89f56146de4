//! The only room that knows Envoy: its messages, ext_authz, ext_proc, and the endpoint that it connects to.

mod authz;
mod connection;
mod grpc;
mod headers;
mod held;
mod instance_headers;
mod listener;
mod metadata;
mod network_peers;
mod pending_handshakes;
mod process;
mod rate_limits;
mod reply;
mod trace;
mod way;
mod worker;

use crate::access::{MAX_BODY_BYTES, MAX_GROWTH_BYTES};

pub use authz::Authz;
pub(crate) use grpc::serve;
pub(crate) use listener::{Listener, bind_unix};
pub use process::Processor;

/// Largest gRPC message that is taken or given, in bytes: the largest body, and what is added to it, with
/// room for the rest.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

const _: () = assert!(MAX_BODY_BYTES + 2 * MAX_GROWTH_BYTES < MAX_MESSAGE_BYTES);
