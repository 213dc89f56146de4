//! `backends`, and `background`: what the gateway asks them for itself.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::identity::Identity;
use crate::config::spanned::Spanned;

/// A resource of Azure OpenAI.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Backend {
    /// Its name in metrics, logs and prices.
    pub(in crate::config) name: Spanned<String>,
    /// The resource, `https://NAME.openai.azure.com`.
    pub(in crate::config) endpoint: Option<Spanned<String>>,
    /// A PEM file of the authorities that its TLS is checked with; the system's if absent.
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
    /// How it is paid for: provisioned throughput comes first.
    #[serde(default)]
    pub(in crate::config) tier: BackendTier,
    /// Its region, for the `backends` of products.
    pub(in crate::config) region: Option<Spanned<String>>,
    /// The version of the API that it is asked with, such as `2024-10-21`.
    pub(in crate::config) api_version: Option<Spanned<String>>,
    /// How often it is asked whether it answers while it rests, such as `30s`; needs `endpoint`.
    pub(in crate::config) probe_every: Option<Spanned<String>>,
    /// An identity of its own; the common one if absent.
    pub(in crate::config) identity: Option<Spanned<Identity>>,
}

/// How a backend is paid for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum BackendTier {
    /// Provisioned throughput.
    Ptu,
    /// Pay as you go.
    #[default]
    Payg,
}

/// The backends of one deployment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Pool {
    /// The deployment, by the name that callers use.
    pub(in crate::config) deployment: Spanned<String>,
    /// The backends that have it.
    pub(in crate::config) backends: Spanned<Vec<Member>>,
    /// Whether requests that store something may be tried again at another backend.
    #[serde(default)]
    pub(in crate::config) repeat_stored: bool,
}

/// A backend of a pool.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Member {
    /// The name of a backend.
    pub(in crate::config) name: Spanned<String>,
    /// Lower comes first; by the backend's tier if absent.
    #[schemars(range(max = 4294967295_u32))]
    pub(in crate::config) priority: Option<u32>,
    /// Its share among those of one priority; 1 if absent.
    #[schemars(range(max = 4294967295_u32))]
    pub(in crate::config) weight: Option<Spanned<u32>>,
    /// What the deployment is called there, if not the same.
    pub(in crate::config) deployment: Option<Spanned<String>>,
}

/// Which backends a product may use: all that fit each of these.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Pins {
    /// Backends in these regions.
    pub(in crate::config) regions: Option<Spanned<Vec<Spanned<String>>>>,
    /// Backends of these tiers.
    pub(in crate::config) tiers: Option<Spanned<Vec<BackendTier>>>,
    /// Backends with these names.
    pub(in crate::config) names: Option<Spanned<Vec<Spanned<String>>>>,
}

/// What the gateway asks backends for itself.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Background {
    /// How soon it asks what a background response has used, such as `30s`, the default.
    pub(in crate::config) poll_every: Option<Spanned<String>>,
    /// The same of batches; `10m` if absent.
    pub(in crate::config) poll_batches_every: Option<Spanned<String>>,
    /// How many of them a client may have open; 1000 if absent.
    pub(in crate::config) max_per_client: Option<Spanned<usize>>,
}
