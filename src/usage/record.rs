//! The usage record: what one request used, and who is charged for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::TokenCounts;
use crate::access::Operation;

/// Where the token counts of a record come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageSource {
    /// The service reported them.
    Reported,
    /// Counted by us over what was seen, because the service reported none.
    Estimated(EstimateReason),
    /// Nothing was used: the backend refused or failed before it served.
    None,
}

/// Why counts had to be estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EstimateReason {
    /// The answer ended without usage.
    NotReported,
    /// The client hung up or the backend broke off.
    Incomplete,
    /// The prompt was refused by the content filter; it is billed all the same.
    ContentFilter,
    /// The answer was compressed or of a kind that can't be read.
    Unreadable,
}

impl UsageSource {
    /// `reported`, `estimated` or `none`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated(_) => "estimated",
            Self::None => "none",
        }
    }

    /// Why it was estimated.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Estimated(EstimateReason::NotReported) => Some("not_reported"),
            Self::Estimated(EstimateReason::Incomplete) => Some("incomplete"),
            Self::Estimated(EstimateReason::ContentFilter) => Some("content_filter"),
            Self::Estimated(EstimateReason::Unreadable) => Some("unreadable"),
            Self::Reported | Self::None => None,
        }
    }
}

/// One request that reached a backend.
#[derive(Clone, Debug)]
pub struct UsageRecord {
    /// When the request came.
    pub started: SystemTime,
    /// Envoy's id of it.
    pub request_id: Arc<str>,
    /// The client that is charged.
    pub client: Arc<str>,
    /// The end user, where the credential names one.
    pub user: Option<Arc<str>>,
    /// The kind of credential.
    pub credential: &'static str,
    /// The product that allowed it; none for what is asked of a stored response.
    pub product: Option<Arc<str>>,
    /// The operation.
    pub operation: Operation,
    /// The deployment; none for what is asked of a stored response.
    pub deployment: Option<Arc<str>>,
    /// The model that answered, as the service calls it.
    pub model: Option<Arc<str>>,
    /// The backend that served it.
    pub backend: Arc<str>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// The backend's HTTP status; none if it gave none.
    pub status: Option<u16>,
    /// What was used.
    pub tokens: TokenCounts,
    /// Where the counts come from.
    pub source: UsageSource,
    /// From the request's arrival to its end.
    pub duration: Duration,
    /// From the request's arrival to the first token of a stream.
    pub time_to_first_token: Option<Duration>,
}
