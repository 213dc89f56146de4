//! A caller and a request in, allowed or the reason why not out.

mod batch;
mod body;
mod body_limits;
mod client;
mod decision;
mod deployments;
mod entitlement;
mod fair_memory;
mod hours;
mod labels;
mod media;
mod members;
mod multipart;
mod network;
mod operation;
mod options;
mod output;
mod ownership;
mod path;
mod product;
mod query;
mod splice;
mod stored;
mod uses;

pub use batch::{BATCH_PURPOSE, BatchBody, BatchLine, batch_lines};
pub use body::{
    BodyError, DataSource, HostedTool, IncludeUsage, Model, OutputMembers, References, RequestBody,
    Uses,
};
pub use body_limits::{BodyLimits, MAX_BODY_BYTES, MAX_GROWTH_BYTES};
pub use client::{Client, ClientId, ProductId};
pub use decision::{
    AccessError, Denied, Grant, authorize_any_deployment, authorize_deployment, authorize_operation,
};
pub use deployments::{Deployments, PatternError};
pub use entitlement::{Entitlements, Requirements};
pub use fair_memory::Remembered;
pub use hours::{Hours, Minute};
pub use labels::{
    LabelError, Labels, MAX_LABEL_NAME, MAX_LABEL_VALUE_BYTES, MAX_LABELS, is_label_name,
};
pub use media::MediaRequest;
pub(crate) use media::word;
pub use multipart::Form;
pub use network::{Network, NetworkError};
pub use operation::{BodyKind, Operation};
pub use options::{AllowedVersion, ClientOptions, OptionError, UserSource};
pub use output::limit_output;
pub use ownership::ObjectOwners;
pub use path::{
    ApiShape, ApiVersion, Deployment, Endpoint, ObjectKind, PathError, StoredAction, Target,
};
pub use product::{AccessRequest, Product, Wanted};
pub use splice::{Edit, Span};
pub use stored::{BackgroundResponse, BatchInput, Known, ObjectChange};
pub use uses::{AllowedUses, ToolKind, UseNotAllowed};
