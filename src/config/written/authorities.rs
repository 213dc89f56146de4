//! `certificate_authorities`.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::trust::Trust;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Authority {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) trust: Spanned<Vec<Spanned<Trust>>>,
    #[serde(default)]
    pub(in crate::config) intermediates: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    pub(in crate::config) extended_key_usage: Usage,
    pub(in crate::config) max_chain_length: Option<Spanned<usize>>,
    pub(in crate::config) revocation: Spanned<Revocation>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Usage {
    #[default]
    ClientAuth,
    ClientAuthIfPresent,
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Revocation {
    pub(in crate::config) crl: Mode,
    #[serde(default)]
    pub(in crate::config) files: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    pub(in crate::config) urls: Vec<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) distribution_hosts: Vec<Spanned<String>>,
    pub(in crate::config) refresh: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Mode {
    Required,
    Soft,
    Off,
}
