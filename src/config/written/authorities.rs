//! `certificate_authorities`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::trust::Trust;
use crate::config::spanned::Spanned;

/// An authority of client certificates.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Authority {
    /// What clients' certificates call it.
    pub(in crate::config) name: Spanned<String>,
    /// Its trust anchors: PEM files, folders of them, or objects of a key vault.
    pub(in crate::config) trust: Spanned<Vec<Spanned<Trust>>>,
    /// PEM files of intermediates that clients may leave out.
    #[serde(default)]
    pub(in crate::config) intermediates: Vec<Spanned<PathBuf>>,
    /// What the extended key usage of a certificate must be.
    #[serde(default)]
    pub(in crate::config) extended_key_usage: Usage,
    /// The longest chain, with the leaf and the trust anchor: 2 to 8, 5 if absent.
    pub(in crate::config) max_chain_length: Option<Spanned<usize>>,
    /// How revocation is checked.
    pub(in crate::config) revocation: Spanned<Revocation>,
}

/// What the extended key usage of a certificate must be.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Usage {
    /// It must have client authentication.
    #[default]
    ClientAuth,
    /// If it has the extension, client authentication must be among it.
    ClientAuthIfPresent,
    /// Whatever it is.
    Any,
}

/// How revocation is checked: with a source of lists, or `crl: off`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Revocation {
    /// What is done without a current list.
    pub(in crate::config) crl: Mode,
    /// Files of revocation lists.
    #[serde(default)]
    pub(in crate::config) files: Vec<Spanned<PathBuf>>,
    /// Addresses of revocation lists.
    #[serde(default)]
    pub(in crate::config) urls: Vec<Spanned<String>>,
    /// Hosts from which the distribution points of certificates may be fetched.
    #[serde(default)]
    pub(in crate::config) distribution_hosts: Vec<Spanned<String>>,
    /// How often lists are read again, such as `10m`, the default.
    pub(in crate::config) refresh: Option<Spanned<String>>,
}

/// What is done without a current list.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Mode {
    /// Without a current list certificates are refused.
    Required,
    /// Without a current list certificates are accepted.
    Soft,
    /// Revocation is not checked.
    Off,
}
