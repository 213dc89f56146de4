//! The public keys of issuers: fetched behind the requests, kept through outages.

mod keys;
mod public_key;
mod refresh;
mod source;
mod store;

pub(in crate::auth) use keys::Key;
pub use keys::{KeySet, KeySetError};
pub use refresh::{Fetching, KeySource, RefreshError, keep_fresh};
pub use source::{DiscoverySource, FileSource, UrlSource};
pub(in crate::auth) use store::FetchedKeys;
pub use store::{KEY_WAIT, KeyStatus, KeyStore, UNKNOWN_KEY_COOLDOWN};
