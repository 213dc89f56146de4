//! A caller and a request in, allowed or the reason why not out.

mod batch;
mod body;
mod client;
mod decision;
mod end_user;
mod entitlement;
mod labels;
mod media;
mod members;
mod multipart;
mod operation;
mod ownership;
mod path;
mod references;

pub use batch::{BATCH_PURPOSE, BatchBody, BatchLine, batch_lines};
pub use body::{BodyError, IncludeUsage, RequestBody};
pub use client::{Client, ClientId, Product, ProductId};
pub use decision::{AccessError, Grant, authorize_deployment, authorize_operation};
pub use end_user::{MAX_USER_BYTES, UserFrom, user_name, user_of_body};
pub use entitlement::{Entitlements, Requirements};
pub use labels::{
    LabelError, Labels, MAX_LABEL_NAME, MAX_LABEL_VALUE_BYTES, MAX_LABELS, is_label_name,
};
pub use media::MediaRequest;
pub(crate) use media::word;
pub use multipart::Form;
pub use operation::{BodyKind, Operation};
pub use ownership::{BackgroundResponse, BatchInput, Known, ObjectOwners};
pub use path::{
    ApiShape, ApiVersion, Deployment, Endpoint, ObjectKind, PathError, StoredAction, Target,
};
pub use references::References;
