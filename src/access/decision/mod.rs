//! Whether a client may make a request: by its products, and by who owns what the request names.

mod authorize;
mod client;
mod deployments;
mod error;
mod fair_memory;
mod hours;
mod ownership;
mod places;
mod product;
mod sampling;
mod stored;
mod unsettled;
mod uses;

pub use authorize::{Grant, authorize_any_deployment, authorize_deployment, authorize_operation};
pub use client::Client;
pub use deployments::{Deployments, PatternError};
pub use error::{AccessError, Denied};
pub use fair_memory::Remembered;
pub use hours::{Hours, Minute};
pub use ownership::{Begun, Later, ObjectOwners};
pub use places::{NoPlace, Place, Places};
pub use product::{AccessRequest, Product, Wanted};
pub use sampling::Sampling;
pub use stored::{BatchInput, Known, ObjectChange, Stored};
pub use unsettled::{AskedBy, Unsettled};
pub use uses::{AllowedUses, ToolKind, UseNotAllowed};
