//! `limits`, wherever they stand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::identity::Identity;
use super::secret::SecretRef;
use super::text::TextOrNumber;
use crate::config::spanned::Spanned;

/// How much somebody may use. Which members there may be depends on whose limits they are.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Limits {
    /// Requests under way at once.
    pub(in crate::config) concurrent_requests: Option<Spanned<u64>>,
    /// Bytes of bodies in memory at once, of a client; at least 62914560.
    pub(in crate::config) request_bytes: Option<Spanned<usize>>,
    /// Requests in any second.
    pub(in crate::config) requests_per_second: Option<Spanned<u64>>,
    /// Requests in any minute.
    pub(in crate::config) requests_per_minute: Option<Spanned<u64>>,
    /// Tokens of prompts and answers in any minute.
    pub(in crate::config) tokens_per_minute: Option<Spanned<u64>>,
    /// Tokens of prompts in any minute.
    pub(in crate::config) input_tokens_per_minute: Option<Spanned<u64>>,
    /// Tokens of answers in any minute.
    pub(in crate::config) output_tokens_per_minute: Option<Spanned<u64>>,
    /// How much in a period of the calendar.
    #[serde(default)]
    pub(in crate::config) quotas: Vec<Spanned<Quota>>,
    /// The limits of each end user, in those of a client.
    pub(in crate::config) per_user: Option<Spanned<Box<Limits>>>,
    /// The limits of each client, in those of a product.
    pub(in crate::config) per_client: Option<Spanned<Box<Limits>>>,
}

/// How much in a period of the calendar: exactly one amount.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Quota {
    /// Requests.
    pub(in crate::config) requests: Option<Spanned<u64>>,
    /// Tokens of prompts and answers.
    pub(in crate::config) tokens: Option<Spanned<u64>>,
    /// Tokens of prompts.
    pub(in crate::config) input_tokens: Option<Spanned<u64>>,
    /// Tokens of answers.
    pub(in crate::config) output_tokens: Option<Spanned<u64>>,
    /// Money, in the currency of `prices`.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) cost: Option<Spanned<String>>,
    /// The period.
    pub(in crate::config) per: Period,
}

/// A period of the calendar, in `time_zone`.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Period {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// The limits of all together, and how limits are counted.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct AllLimits {
    /// The limits of all requests together.
    pub(in crate::config) everything: Option<Limits>,
    /// The limits of deployments, by the names that callers use.
    #[serde(default)]
    pub(in crate::config) deployments: BTreeMap<String, Spanned<Limits>>,
    /// The time zone of quotas, such as `Europe/Berlin`; UTC if absent.
    pub(in crate::config) time_zone: Option<Spanned<String>>,
    /// Percentages of a quota that are told of, such as `[50, 80, 100]`.
    pub(in crate::config) warn_at: Option<Spanned<Vec<Spanned<u8>>>>,
    /// Percentages of each shared limit that are kept for a priority.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "enum": ["high", "normal", "low"] }))]
    pub(in crate::config) reserve: BTreeMap<Priority, Spanned<u8>>,
    /// Where replicas count together; each counts for itself if absent.
    pub(in crate::config) redis: Option<Spanned<Redis>>,
    /// Where thresholds of quotas are sent.
    pub(in crate::config) events: Option<Spanned<Events>>,
}

/// Where thresholds of quotas are sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Events {
    /// The collector of CloudEvents, `https://HOST/PATH`.
    pub(in crate::config) url: Spanned<String>,
    /// A file with the token that it asks for.
    pub(in crate::config) bearer_file: Option<Spanned<PathBuf>>,
}

/// Where replicas count together: exactly one of `url`, `cluster` and `sentinel`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Redis {
    /// One server, `redis://HOST:PORT`, or `rediss://HOST:PORT` for TLS.
    pub(in crate::config) url: Option<Spanned<String>>,
    /// Nodes of a cluster.
    pub(in crate::config) cluster: Option<Vec<Spanned<String>>>,
    /// Sentinels, and what they call the servers that they watch.
    pub(in crate::config) sentinel: Option<Sentinel>,
    /// A PEM file of the authorities that TLS is checked with; the system's if absent.
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
    /// The user to log in as.
    pub(in crate::config) username: Option<String>,
    /// Where the password is.
    pub(in crate::config) password: Option<Spanned<SecretRef>>,
    /// Whose tokens of Entra ID are the password; the usual `scope` is `https://redis.azure.com/.default`.
    pub(in crate::config) identity: Option<Spanned<Identity>>,
    /// What the names of counters begin with; `tollgate` if absent.
    pub(in crate::config) key_prefix: Option<Spanned<String>>,
    /// What happens to requests while the servers do not answer.
    #[serde(default)]
    pub(in crate::config) when_unavailable: WhenUnavailable,
    /// How many replicas share the limits meanwhile.
    pub(in crate::config) replicas: Spanned<u64>,
}

/// Sentinels, and what they call the servers that they watch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Sentinel {
    /// Their addresses, with ports.
    pub(in crate::config) urls: Vec<Spanned<String>>,
    /// What they call the servers that they watch.
    pub(in crate::config) name: String,
}

/// What happens to requests while the servers do not answer.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum WhenUnavailable {
    /// Each replica has its share of each limit.
    #[default]
    LocalShare,
    /// They are refused.
    Refuse,
}

/// Who comes first where a limit is shared.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Priority {
    High,
    Normal,
    Low,
}

/// How requests of a product wait for room.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Queue {
    /// How long a request may wait, such as `3s`; at most `4s`.
    pub(in crate::config) max_wait: Spanned<String>,
    /// How many may wait at once.
    pub(in crate::config) max_requests: Spanned<usize>,
}
