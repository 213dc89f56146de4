//! A request as it was written: its target, and what its body names.

mod api_version;
mod batch;
mod body;
mod body_limits;
mod deployment;
mod endpoint;
mod media;
mod members;
mod multipart;
mod object;
mod operation;
mod path;
mod path_error;
mod query;
mod splice;

pub use api_version::{ApiShape, ApiVersion};
pub use batch::{BATCH_PURPOSE, BatchBody, BatchLine, batch_lines};
pub use body::{
    BodyError, DataSource, HostedTool, IncludeUsage, Model, OutputMembers, References, RequestBody,
    Uses,
};
pub use body_limits::{BodyLimits, MAX_BODY_BYTES, MAX_GROWTH_BYTES};
pub use deployment::Deployment;
pub use endpoint::Endpoint;
pub use media::MediaRequest;
pub(crate) use media::{service_tier, word};
pub use multipart::Form;
pub use object::{ObjectKind, StoredAction};
pub use operation::{BodyKind, Operation};
pub use path::Target;
pub use path_error::PathError;
pub use query::with_api_version;
pub use splice::{Edit, Span};
