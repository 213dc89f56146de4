//! The gateway's identity towards the backends, and what it is used for besides them. The only room
//! that speaks to Entra ID, to Key Vault and, besides Envoy, to Azure OpenAI.

mod azure;
mod identity;
mod key_vault;
mod models;
mod pools;
mod probing;
mod rejections;
mod resource;
mod seldom;
mod settings;

pub use azure::AzureTokenSource;
pub use identity::{Identity, IdentityError, IssuedToken, RefreshCounts, TokenSource};
pub use key_vault::{KeyVaultSource, VaultObject};
pub use models::Presented;
pub(crate) use pools::MAX_DEPLOYMENTS;
pub use pools::{
    Availability, Backend, BackendReport, Choice, Health, MAX_ATTEMPTS, Member, NoBackend, Order,
    Pool, Pools, Rest, Tier, UnderWay, Wish, is_choice,
};
pub use probing::keep_probing;
pub(crate) use rejections::remedy;
pub use rejections::{RejectionCounts, Rejections};
pub use resource::{Asked, Resource};
pub use settings::{IdentityConfig, IdentitySource, ManagedIdentity};
