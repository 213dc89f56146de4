//! The only room that knows Envoy: ext_authz, ext_proc, and how their messages are spelled.

mod authz;
mod content;
mod ending;
mod forward;
mod gateway;
mod headers;
mod keys;
mod made;
mod metadata;
mod pending;
mod process;
mod refusal;
mod reply;
mod source;
mod transaction;
mod uploads;

pub use authz::Authz;
pub use gateway::Gateway;
pub use process::Processor;
pub(crate) use refusal::Refusal;

/// Largest gRPC message that is taken, in bytes: the largest request body, with room for the rest.
/// Envoy's `request_body_buffer_limit` must be lower, so that it answers 413 first.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
