//! `issuers`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{SeqAccess, Visitor};

use super::requires::Requires;
use crate::auth::Algorithm;
use crate::config::spanned::Spanned;

/// An issuer whose tokens are accepted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Issuer {
    /// What clients' credentials call it.
    pub(in crate::config) name: Spanned<String>,
    /// The `iss` of its tokens; `{tenantid}` stands for each of `tenants`.
    pub(in crate::config) issuer: Spanned<String>,
    /// The tenants whose tokens are accepted, where the issuer has `{tenantid}`.
    #[serde(default)]
    pub(in crate::config) tenants: Vec<Spanned<String>>,
    /// What `aud` must be: one of these.
    pub(in crate::config) audiences: Spanned<Vec<Spanned<String>>>,
    /// The address of its discovery document, if it is not below the issuer.
    pub(in crate::config) discovery: Option<Spanned<String>>,
    /// The address of its keys, in place of discovery.
    pub(in crate::config) jwks_uri: Option<Spanned<String>>,
    /// A file with its keys, in place of discovery.
    pub(in crate::config) jwks_file: Option<Spanned<PathBuf>>,
    /// What it may sign with.
    pub(in crate::config) algorithms: Option<Spanned<Vec<Algorithm>>>,
    /// What `typ` must be, such as `at+jwt`; anything if absent.
    #[serde(default)]
    pub(in crate::config) token_types: Vec<String>,
    /// Claims that each token must have, with one of these values.
    #[serde(default)]
    pub(in crate::config) required_claims: BTreeMap<String, OneOrMany>,
    /// How much clocks may differ, such as `30s`, the default; at most `5m`.
    pub(in crate::config) leeway: Option<Spanned<String>>,
    /// The age from which tokens are refused, valid or not.
    pub(in crate::config) max_age: Option<Spanned<String>>,
    /// How often its keys are fetched, such as `10m`, the default.
    pub(in crate::config) refresh: Option<Spanned<String>>,
    /// How long its last keys serve while it is down, such as `24h`, the default.
    pub(in crate::config) keep_keys: Option<Spanned<String>>,
    /// Which claims say what.
    #[serde(default)]
    pub(in crate::config) claims: Mapping,
    /// The client of every token that no other client has.
    pub(in crate::config) default_client: Option<DefaultClient>,
    /// Whether its keys may be fetched without TLS: for tests.
    #[serde(default)]
    pub(in crate::config) allow_http: bool,
    /// Private addresses that its keys may be fetched from, such as `10.0.0.0/8`.
    #[serde(default)]
    pub(in crate::config) allow_addresses: Vec<Spanned<String>>,
    /// A PEM file of the authorities that its TLS is checked with; the system's if absent.
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
}

/// One name or several.
#[derive(Clone)]
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

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One, or a list.",
            "oneOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } }
            ]
        })
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    /// As derived, but with a message that says both forms.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor;

        impl<'de> Visitor<'de> for OneOrManyVisitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts, such as `azp` or `[realm_access, roles]`")
            }

            fn visit_str<E>(self, one: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(one.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany::Many(many))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

/// Which claims say what.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Mapping {
    /// Which client it is; `azp` if absent.
    pub(in crate::config) client: Option<OneOrMany>,
    /// The end user; `sub` if absent.
    pub(in crate::config) user: Option<OneOrMany>,
    /// The scopes; `scope` if absent.
    pub(in crate::config) scopes: Option<OneOrMany>,
    /// The roles; `roles` if absent.
    pub(in crate::config) roles: Option<OneOrMany>,
    /// The groups; `groups` if absent.
    pub(in crate::config) groups: Option<OneOrMany>,
}

/// The client of every token that no other client has.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct DefaultClient {
    /// The id of the client.
    pub(in crate::config) client: Spanned<String>,
    /// What such a token must grant.
    #[serde(default)]
    pub(in crate::config) requires: Requires,
}
