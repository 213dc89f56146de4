//! `ledger`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretRef;
use crate::config::spanned::Spanned;

/// How usage is kept.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Ledger {
    /// When a record is on the disk.
    #[serde(default)]
    pub(in crate::config) durability: Durability,
    /// What happens to requests while records can't be written.
    #[serde(default)]
    pub(in crate::config) on_failure: OnFailure,
    /// How long records are kept, such as `400d`, the default; at least `2d`.
    pub(in crate::config) retention: Option<Spanned<String>>,
    /// What is kept of the names of end users; `keep` by default.
    pub(in crate::config) end_users: Option<Spanned<EndUsers>>,
    /// The secret that pseudonyms are made with, for `end_users: hash`.
    pub(in crate::config) end_users_key: Option<Spanned<SecretRef>>,
}

/// When a record is on the disk.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Durability {
    /// Before the client has the last byte of the answer.
    #[default]
    Strict,
    /// Soon after.
    Relaxed,
}

/// What happens to requests while records can't be written.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum OnFailure {
    /// They are refused.
    #[default]
    Refuse,
    /// They go on, and are not in the ledger.
    Continue,
}

/// What is kept of the names of end users.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum EndUsers {
    /// The name.
    #[default]
    Keep,
    /// A pseudonym in its place.
    Hash,
    /// Nothing.
    Drop,
}
