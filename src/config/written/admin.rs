//! `admin`.

use serde::Deserialize;
use serde_saphyr::Spanned;

/// What the admin port has besides health and metrics.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Admin {
    #[serde(default)]
    pub(in crate::config) console: bool,
    #[serde(default)]
    pub(in crate::config) console_hosts: Vec<Spanned<String>>,
}
