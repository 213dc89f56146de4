//! `prices`.

use serde::Deserialize;
use serde_saphyr::Spanned;

/// A line of the price list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Price {
    pub(in crate::config) model: Option<Spanned<String>>,
    pub(in crate::config) deployment: Option<Spanned<String>>,
    pub(in crate::config) backend: Option<Spanned<String>>,
    pub(in crate::config) from: Option<Spanned<String>>,
    pub(in crate::config) input: Option<Spanned<String>>,
    pub(in crate::config) cached_input: Option<Spanned<String>>,
    pub(in crate::config) output: Option<Spanned<String>>,
    pub(in crate::config) audio_input: Option<Spanned<String>>,
    pub(in crate::config) audio_output: Option<Spanned<String>>,
    pub(in crate::config) image_input: Option<Spanned<String>>,
    pub(in crate::config) image: Option<Spanned<String>>,
    pub(in crate::config) second: Option<Spanned<String>>,
    pub(in crate::config) character: Option<Spanned<String>>,
    pub(in crate::config) per: Option<Spanned<u64>>,
    pub(in crate::config) monthly: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) tier: Tier,
    pub(in crate::config) service_tier: Option<Spanned<ServiceTier>>,
    pub(in crate::config) currency: Spanned<String>,
}

/// How a deployment is paid.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Tier {
    /// By use.
    #[default]
    Paygo,
    /// Provisioned throughput: by the month.
    Ptu,
}

/// The service tiers that have prices of their own
/// (<https://platform.openai.com/docs/api-reference/chat/create>, `service_tier`).
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ServiceTier {
    /// Faster, and dearer.
    Priority,
    /// Slower, and cheaper.
    Flex,
    /// Capacity that is bought in advance.
    Scale,
    /// The lines of batches.
    Batch,
}

impl ServiceTier {
    /// As answers say it.
    pub(in crate::config) const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Flex => "flex",
            Self::Scale => "scale",
            Self::Batch => "batch",
        }
    }
}
