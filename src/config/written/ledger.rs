//! `ledger`.

use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Ledger {
    #[serde(default)]
    pub(in crate::config) durability: Durability,
    #[serde(default)]
    pub(in crate::config) on_failure: OnFailure,
    pub(in crate::config) retention: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Durability {
    #[default]
    Strict,
    Relaxed,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum OnFailure {
    #[default]
    Refuse,
    Continue,
}
