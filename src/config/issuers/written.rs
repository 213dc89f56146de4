//! What is written of issuers and of tokens in the file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::access::Requirements;
use crate::auth::{Algorithm, ClaimPath};

/// An entry of `issuers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Issuer {
    pub(super) name: Spanned<String>,
    pub(super) issuer: Spanned<String>,
    #[serde(default)]
    pub(super) tenants: Vec<Spanned<String>>,
    pub(super) audiences: Spanned<Vec<Spanned<String>>>,
    pub(super) discovery: Option<Spanned<String>>,
    pub(super) jwks_uri: Option<Spanned<String>>,
    pub(super) jwks_file: Option<Spanned<PathBuf>>,
    pub(super) algorithms: Option<Spanned<Vec<Algorithm>>>,
    #[serde(default)]
    pub(super) token_types: Vec<String>,
    #[serde(default)]
    pub(super) required_claims: BTreeMap<String, OneOrMany>,
    pub(super) leeway: Option<Spanned<String>>,
    pub(super) max_age: Option<Spanned<String>>,
    pub(super) refresh: Option<Spanned<String>>,
    pub(super) keep_keys: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) claims: Mapping,
    pub(super) default_client: Option<WrittenDefault>,
    #[serde(default)]
    pub(super) allow_http: bool,
    #[serde(default)]
    pub(super) allow_addresses: Vec<Spanned<String>>,
    pub(super) ca_file: Option<Spanned<PathBuf>>,
}

/// One name or several.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn into_list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }

    pub(super) fn path(self) -> ClaimPath {
        ClaimPath::new(self.into_list())
    }
}

/// Which claims say what.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    pub(super) client: Option<OneOrMany>,
    pub(super) user: Option<OneOrMany>,
    pub(super) scopes: Option<OneOrMany>,
    pub(super) roles: Option<OneOrMany>,
    pub(super) groups: Option<OneOrMany>,
}

/// The client of every token that no other client has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenDefault {
    pub(super) client: Spanned<String>,
    #[serde(default)]
    pub(super) requires: Requires,
}

/// What a caller must have been granted.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Requires {
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
}

impl Requires {
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.roles.is_empty() && self.groups.is_empty()
    }

    pub(in crate::config) fn meaning(&self) -> Requirements {
        Requirements {
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
        }
    }
}

/// A client's credential: tokens of an issuer with these claims.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TokenCredential {
    pub(super) issuer: Spanned<String>,
    pub(super) client: Option<String>,
    #[serde(default)]
    pub(super) claims: BTreeMap<String, String>,
}
