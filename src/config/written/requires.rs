//! What a product or a default client requires of a caller.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a caller must have been granted.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Requires {
    /// Every one of these scopes.
    #[serde(default)]
    pub(in crate::config) scopes: Vec<String>,
    /// One of these roles.
    #[serde(default)]
    pub(in crate::config) roles: Vec<String>,
    /// One of these groups.
    #[serde(default)]
    pub(in crate::config) groups: Vec<String>,
}

impl Requires {
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.roles.is_empty() && self.groups.is_empty()
    }
}
