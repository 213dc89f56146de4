//! A client: its name, what it was granted, and what the configuration lets it do besides its products.

mod end_users;
mod entitlement;
mod id;
mod labels;
mod limits;
mod network;
mod options;
mod output;

pub use end_users::EndUsers;
pub use entitlement::{Entitlements, Requirements};
pub use id::{ClientId, ProductId};
pub use labels::{
    LabelError, Labels, MAX_LABEL_NAME, MAX_LABEL_VALUE_BYTES, MAX_LABELS, is_label_name,
};
pub use limits::{ClientLimits, ClientRules, ProductRules};
pub use network::{Network, NetworkError};
pub use options::{AllowedVersion, ClientOptions, OptionError, UserSource};
pub use output::limit_output;
