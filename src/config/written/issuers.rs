//! `issuers`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::requires::Requires;
use crate::auth::Algorithm;

/// An entry of `issuers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Issuer {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) issuer: Spanned<String>,
    #[serde(default)]
    pub(in crate::config) tenants: Vec<Spanned<String>>,
    pub(in crate::config) audiences: Spanned<Vec<Spanned<String>>>,
    pub(in crate::config) discovery: Option<Spanned<String>>,
    pub(in crate::config) jwks_uri: Option<Spanned<String>>,
    pub(in crate::config) jwks_file: Option<Spanned<PathBuf>>,
    pub(in crate::config) algorithms: Option<Spanned<Vec<Algorithm>>>,
    #[serde(default)]
    pub(in crate::config) token_types: Vec<String>,
    #[serde(default)]
    pub(in crate::config) required_claims: BTreeMap<String, OneOrMany>,
    pub(in crate::config) leeway: Option<Spanned<String>>,
    pub(in crate::config) max_age: Option<Spanned<String>>,
    pub(in crate::config) refresh: Option<Spanned<String>>,
    pub(in crate::config) keep_keys: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) claims: Mapping,
    pub(in crate::config) default_client: Option<DefaultClient>,
    #[serde(default)]
    pub(in crate::config) allow_http: bool,
    #[serde(default)]
    pub(in crate::config) allow_addresses: Vec<Spanned<String>>,
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
}

/// One name or several.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(in crate::config) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(in crate::config) fn into_list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }
}

/// Which claims say what.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Mapping {
    pub(in crate::config) client: Option<OneOrMany>,
    pub(in crate::config) user: Option<OneOrMany>,
    pub(in crate::config) scopes: Option<OneOrMany>,
    pub(in crate::config) roles: Option<OneOrMany>,
    pub(in crate::config) groups: Option<OneOrMany>,
}

/// The client of every token that no other client has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct DefaultClient {
    pub(in crate::config) client: Spanned<String>,
    #[serde(default)]
    pub(in crate::config) requires: Requires,
}
