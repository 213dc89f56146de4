//! The credentials of a client.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::TextOrNumber;
use crate::auth::{KeySlot, KeyState};
use crate::config::spanned::Spanned;

/// Exactly one of `key`, `token` and `certificate`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct Credential {
    /// A key of tollgate's, as `tollgate key generate` makes it.
    pub(in crate::config) key: Option<Key>,
    // Boxed, like the next one: most of a hundred thousand clients may have only keys.
    /// A client certificate.
    pub(in crate::config) certificate: Option<Box<Spanned<Certificate>>>,
    /// Tokens of an issuer.
    pub(in crate::config) token: Option<Box<Spanned<TokenCredential>>>,
}

/// A key, by its digest.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Key {
    /// The SHA-256 of the key: 64 hexadecimal digits, never the key itself.
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{64}$"))]
    pub(in crate::config) sha256: Spanned<String>,
    /// Which of the client's two keys it is.
    pub(in crate::config) slot: Spanned<KeySlot>,
    /// From when it is valid: a date in UTC, or a time such as `2027-01-01T12:00:00Z`.
    pub(in crate::config) not_before: Option<Spanned<String>>,
    /// Until when it is valid.
    pub(in crate::config) not_after: Option<Spanned<String>>,
    /// Whether it may be used; `active` if absent.
    #[serde(default)]
    pub(in crate::config) state: KeyState,
}

/// A client's certificate: an authority and fields, or a pin.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Certificate {
    /// The name of one of `certificate_authorities`.
    pub(in crate::config) authority: Option<Spanned<String>>,
    /// The SHA-256 of a self-signed certificate, which stands for all of it.
    pub(in crate::config) pinned_sha256: Option<Spanned<String>>,
    /// The SHA-256 of the certificate.
    pub(in crate::config) thumbprint_sha256: Option<Spanned<String>>,
    /// The SHA-1 of the certificate, as Azure's API Management shows it.
    pub(in crate::config) thumbprint_sha1: Option<Spanned<String>>,
    /// Its serial number, in hexadecimal digits.
    pub(in crate::config) serial: Option<Spanned<String>>,
    /// Its subject, as a distinguished name.
    pub(in crate::config) subject: Option<Spanned<String>>,
    /// The common name of its subject.
    pub(in crate::config) common_name: Option<Spanned<String>>,
    /// One of its DNS names.
    pub(in crate::config) dns_san: Option<Spanned<String>>,
    /// One of its URIs, such as a SPIFFE id.
    pub(in crate::config) uri_san: Option<Spanned<String>>,
    /// One of its e-mail addresses.
    pub(in crate::config) email_san: Option<Spanned<String>>,
    /// The subject of the authority that issued it.
    pub(in crate::config) issuer_subject: Option<Spanned<String>>,
    /// The thumbprint of the authority that issued it.
    pub(in crate::config) issuer_thumbprint: Option<Spanned<String>>,
}

/// Tokens of an issuer with these claims.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TokenCredential {
    /// The name of one of `issuers`.
    pub(in crate::config) issuer: Spanned<String>,
    /// The value of the claim that names the client, mostly `azp`.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) client: Option<String>,
    /// Claims that a token must have, with their values.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, TextOrNumber>")]
    pub(in crate::config) claims: BTreeMap<String, String>,
}
