//! What tollgate talks to, faked well enough to be worth testing against.
//!
//! - [`identity`]: managed identity (App Service) and Entra ID's token endpoint.
//! - [`azure`]: Azure OpenAI, with the same bytes, its own billing ledger, and faults on request.
//! - [`key_vault`]: Azure Key Vault, with its challenge.
//! - [`collector`]: a collector of OpenTelemetry.
//! - [`certificates`]: a throw-away certificate authority.
//! - [`token`]: the access tokens that the first issues and the second accepts.
//! - [`server`], [`body`], [`unique`]: what the fakes are made of.
//!
//! The fakes run inside a test (`start`, a handle, gone on drop) or as a process of their own
//! (`fakes identity`, `fakes azure`), and then answer the same questions over HTTP.

pub mod azure;
pub mod body;
pub mod certificates;
pub mod collector;
pub mod identity;
pub mod issuer;
pub mod key_vault;
pub mod server;
pub mod token;
pub mod unique;
