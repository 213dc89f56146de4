//! What a product or a default client requires of a caller.

use serde::Deserialize;

/// What a caller must have been granted.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Requires {
    #[serde(default)]
    pub(in crate::config) scopes: Vec<String>,
    #[serde(default)]
    pub(in crate::config) roles: Vec<String>,
    #[serde(default)]
    pub(in crate::config) groups: Vec<String>,
}

impl Requires {
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.roles.is_empty() && self.groups.is_empty()
    }
}
