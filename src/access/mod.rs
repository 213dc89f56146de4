//! A caller and a request in, allowed or the reason why not out.

mod body;
mod client;
mod decision;
mod entitlement;
mod operation;
mod ownership;
mod path;

pub use body::{BodyError, IncludeUsage, RequestBody};
pub use client::{Client, ClientId, Product, ProductId};
pub use decision::{AccessError, Grant, authorize_deployment, authorize_operation};
pub use entitlement::{Entitlements, Requirements};
pub use operation::Operation;
pub use ownership::ResponseOwners;
pub use path::{ApiShape, ApiVersion, Deployment, Endpoint, PathError, StoredResponse, Target};
