//! The credentials of a client.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::auth::{KeySlot, KeyState};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Credential {
    pub(in crate::config) key: Option<Key>,
    /// Boxed, like the next one: most of a hundred thousand clients may have only keys.
    pub(in crate::config) certificate: Option<Box<Spanned<Certificate>>>,
    pub(in crate::config) token: Option<Box<Spanned<TokenCredential>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Key {
    pub(in crate::config) sha256: Spanned<String>,
    pub(in crate::config) slot: Spanned<KeySlot>,
    pub(in crate::config) not_before: Option<Spanned<String>>,
    pub(in crate::config) not_after: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) state: KeyState,
}

/// A client's certificate: an authority and fields, or a pin.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Certificate {
    pub(in crate::config) authority: Option<Spanned<String>>,
    pub(in crate::config) pinned_sha256: Option<Spanned<String>>,
    pub(in crate::config) thumbprint_sha256: Option<Spanned<String>>,
    pub(in crate::config) thumbprint_sha1: Option<Spanned<String>>,
    pub(in crate::config) serial: Option<Spanned<String>>,
    pub(in crate::config) subject: Option<Spanned<String>>,
    pub(in crate::config) common_name: Option<Spanned<String>>,
    pub(in crate::config) dns_san: Option<Spanned<String>>,
    pub(in crate::config) uri_san: Option<Spanned<String>>,
    pub(in crate::config) email_san: Option<Spanned<String>>,
    pub(in crate::config) issuer_subject: Option<Spanned<String>>,
    pub(in crate::config) issuer_thumbprint: Option<Spanned<String>>,
}

/// A client's credential: tokens of an issuer with these claims.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TokenCredential {
    pub(in crate::config) issuer: Spanned<String>,
    pub(in crate::config) client: Option<String>,
    #[serde(default)]
    pub(in crate::config) claims: BTreeMap<String, String>,
}
