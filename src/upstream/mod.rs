//! The gateway's identity towards the backends. The only room that speaks to Entra ID.

mod azure;
mod identity;

pub use azure::AzureTokenSource;
pub use identity::{Identity, IdentityError, IssuedToken, RefreshCounts, TokenSource};
