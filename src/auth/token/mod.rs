//! Tokens of OpenID Connect issuers (RFC 7519), verified against the issuer's own keys.

mod claims;
mod compact;
mod describe;
mod directory;
mod error;
mod issuer;
#[cfg(test)]
pub(in crate::auth) mod testing;
mod tokens;

pub use claims::ClaimPath;
pub use compact::MAX_TOKEN_BYTES;
pub use describe::describe_token;
pub use directory::{AmbiguousClaims, DefaultClient, Directory};
pub use error::TokenError;
pub use issuer::{ClaimMapping, Issuer, IssuerRules, RequiredClaim, TENANT_PLACEHOLDER};
pub use tokens::{DuplicateIssuer, Tokens};
