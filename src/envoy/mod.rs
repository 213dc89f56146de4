//! The only room that knows Envoy: its messages, ext_authz, ext_proc, and the endpoint that it connects to.

mod authz;
mod connection;
mod grpc;
mod headers;
mod listener;
mod metadata;
mod process;
mod reply;
mod worker;

pub use authz::Authz;
pub(crate) use grpc::serve;
pub(crate) use listener::{Listener, bind_unix};
pub use process::Processor;

/// Largest gRPC message that is taken, in bytes: the largest request body, with room for the rest.
/// Envoy's `request_body_buffer_limit` must be lower, so that it answers 413 first.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
