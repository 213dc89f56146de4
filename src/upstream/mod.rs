//! The gateway's identity towards the backends, and what it is used for besides them. The only room
//! that speaks to Entra ID and to Key Vault.

mod azure;
mod identity;
mod key_vault;
mod rejections;
mod settings;

pub use azure::AzureTokenSource;
pub use identity::{Identity, IdentityError, IssuedToken, RefreshCounts, TokenSource};
pub use key_vault::{KeyVaultSource, VaultObject};
pub use rejections::{RejectionCounts, Rejections};
pub use settings::{IdentityConfig, IdentitySource, ManagedIdentity};
