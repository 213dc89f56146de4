//! `admin`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::spanned::Spanned;

/// What the admin port has besides health and metrics.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Admin {
    /// Whether there is a page about usage, limits, keys and refusals.
    #[serde(default)]
    pub(in crate::config) console: bool,
    /// The names of hosts by which the page may be asked for, besides addresses and `localhost`.
    #[serde(default)]
    pub(in crate::config) console_hosts: Vec<Spanned<String>>,
}
