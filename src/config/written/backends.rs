//! `backends`, and `background`: what the gateway asks them for itself.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::identity::Identity;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Backend {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) endpoint: Option<Spanned<String>>,
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(in crate::config) tier: BackendTier,
    pub(in crate::config) region: Option<Spanned<String>>,
    pub(in crate::config) api_version: Option<Spanned<String>>,
    pub(in crate::config) probe_every: Option<Spanned<String>>,
    pub(in crate::config) identity: Option<Spanned<Identity>>,
}

/// How a backend is paid for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum BackendTier {
    Ptu,
    #[default]
    Payg,
}

/// `pools`: the backends of one deployment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Pool {
    pub(in crate::config) deployment: Spanned<String>,
    pub(in crate::config) backends: Spanned<Vec<Member>>,
    #[serde(default)]
    pub(in crate::config) repeat_stored: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Member {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) priority: Option<u32>,
    pub(in crate::config) weight: Option<Spanned<u32>>,
    pub(in crate::config) deployment: Option<Spanned<String>>,
}

/// Which backends a product may use: all that fit each of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Pins {
    pub(in crate::config) regions: Option<Spanned<Vec<Spanned<String>>>>,
    pub(in crate::config) tiers: Option<Spanned<Vec<BackendTier>>>,
    pub(in crate::config) names: Option<Spanned<Vec<Spanned<String>>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Background {
    pub(in crate::config) poll_every: Option<Spanned<String>>,
    pub(in crate::config) poll_batches_every: Option<Spanned<String>>,
    pub(in crate::config) max_per_client: Option<Spanned<usize>>,
}
