//! `limits`, wherever they stand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::secret::SecretRef;

/// How much somebody may use. Which members there may be depends on whose limits they are.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Limits {
    pub(in crate::config) concurrent_requests: Option<Spanned<u64>>,
    pub(in crate::config) request_bytes: Option<Spanned<usize>>,
    pub(in crate::config) requests_per_second: Option<Spanned<u64>>,
    pub(in crate::config) requests_per_minute: Option<Spanned<u64>>,
    pub(in crate::config) tokens_per_minute: Option<Spanned<u64>>,
    pub(in crate::config) input_tokens_per_minute: Option<Spanned<u64>>,
    pub(in crate::config) output_tokens_per_minute: Option<Spanned<u64>>,
    #[serde(default)]
    pub(in crate::config) quotas: Vec<Spanned<Quota>>,
    pub(in crate::config) per_user: Option<Spanned<Box<Limits>>>,
    pub(in crate::config) per_client: Option<Spanned<Box<Limits>>>,
}

/// How much in a period of the calendar.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Quota {
    pub(in crate::config) requests: Option<Spanned<u64>>,
    pub(in crate::config) tokens: Option<Spanned<u64>>,
    pub(in crate::config) input_tokens: Option<Spanned<u64>>,
    pub(in crate::config) output_tokens: Option<Spanned<u64>>,
    pub(in crate::config) cost: Option<Spanned<String>>,
    pub(in crate::config) per: Period,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Period {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// The limits of all together, and how limits are counted.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct AllLimits {
    pub(in crate::config) everything: Option<Limits>,
    #[serde(default)]
    pub(in crate::config) deployments: BTreeMap<String, Spanned<Limits>>,
    pub(in crate::config) time_zone: Option<Spanned<String>>,
    pub(in crate::config) warn_at: Option<Spanned<Vec<Spanned<u8>>>>,
    #[serde(default)]
    pub(in crate::config) reserve: BTreeMap<Priority, Spanned<u8>>,
    pub(in crate::config) redis: Option<Spanned<Redis>>,
    pub(in crate::config) events: Option<Spanned<Events>>,
}

/// Where thresholds of quotas are sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Events {
    pub(in crate::config) url: Spanned<String>,
    pub(in crate::config) bearer_file: Option<Spanned<PathBuf>>,
}

/// Where replicas count together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Redis {
    pub(in crate::config) url: Option<Spanned<String>>,
    pub(in crate::config) cluster: Option<Vec<Spanned<String>>>,
    pub(in crate::config) sentinel: Option<Sentinel>,
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
    pub(in crate::config) username: Option<String>,
    pub(in crate::config) password: Option<Spanned<SecretRef>>,
    pub(in crate::config) key_prefix: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) when_unavailable: WhenUnavailable,
    pub(in crate::config) replicas: Spanned<u64>,
}

/// Sentinels, and what they call the servers that they watch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Sentinel {
    pub(in crate::config) urls: Vec<Spanned<String>>,
    pub(in crate::config) name: String,
}

/// What happens to requests while the servers do not answer.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum WhenUnavailable {
    #[default]
    LocalShare,
    Refuse,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Priority {
    High,
    Normal,
    Low,
}

/// How requests of a product wait for room.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Queue {
    pub(in crate::config) max_wait: Spanned<String>,
    pub(in crate::config) max_requests: Spanned<usize>,
}
