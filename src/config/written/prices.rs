//! `prices`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::TextOrNumber;
use crate::config::spanned::Spanned;

/// A line of the price list, for a model or for a deployment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Price {
    /// The model that it is for.
    pub(in crate::config) model: Option<Spanned<String>>,
    /// The deployment that it is for.
    pub(in crate::config) deployment: Option<Spanned<String>>,
    /// The backend that it is for; all if absent.
    pub(in crate::config) backend: Option<Spanned<String>>,
    /// From when it applies, such as `2026-01-01`; always if absent.
    pub(in crate::config) from: Option<Spanned<String>>,
    /// Tokens of prompts.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) input: Option<Spanned<String>>,
    /// Tokens of prompts that were in the cache.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) cached_input: Option<Spanned<String>>,
    /// Tokens of answers.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) output: Option<Spanned<String>>,
    /// Tokens of audio in prompts.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) audio_input: Option<Spanned<String>>,
    /// Tokens of audio in answers.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) audio_output: Option<Spanned<String>>,
    /// Tokens of images in prompts.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) image_input: Option<Spanned<String>>,
    /// Images that are made.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) image: Option<Spanned<String>>,
    /// Seconds of audio.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) second: Option<Spanned<String>>,
    /// Characters that are spoken.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) character: Option<Spanned<String>>,
    /// How many of them an amount is for, such as 1000000.
    pub(in crate::config) per: Option<Spanned<u64>>,
    /// The amount of a month, with `tier: ptu`.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) monthly: Option<Spanned<String>>,
    /// How it is paid.
    #[serde(default)]
    pub(in crate::config) tier: Tier,
    /// The service tier that it is for, as answers say it.
    pub(in crate::config) service_tier: Option<Spanned<ServiceTier>>,
    /// The currency, as an ISO 4217 code such as `USD`.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub(in crate::config) currency: Spanned<String>,
}

/// How a deployment is paid.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, PartialEq, Eq)]
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
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
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
