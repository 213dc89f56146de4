//! A caller and a request in, allowed or the reason why not out.

mod body;
mod client;
mod decision;
mod deployments;
mod entitlement;
mod hours;
mod network;
mod operation;
mod options;
mod output;
mod ownership;
mod path;
mod product;
mod splice;

pub use body::{BodyError, IncludeUsage, OutputMembers, RequestBody};
pub use client::{Client, ClientId, ProductId};
pub use decision::{AccessError, Denied, Grant, authorize_deployment, authorize_operation};
pub use deployments::{Deployments, PatternError};
pub use entitlement::{Entitlements, Requirements};
pub use hours::{Hours, Minute};
pub use network::{Network, NetworkError};
pub use operation::Operation;
pub use options::{AllowedVersion, ClientOptions, OptionError, UserSource};
pub use output::limit_output;
pub use ownership::ResponseOwners;
pub use path::{ApiShape, ApiVersion, Deployment, Endpoint, PathError, StoredResponse, Target};
pub use product::{Asked, Product};
pub use splice::{Edit, Place};
