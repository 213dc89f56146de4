//! The usage record: what one request used, and who is charged for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Cost, Outcome, PriceList, Quantities, RecordId, Served, TokenCounts, TraceId, Units};
use crate::access::Operation;

/// Where the token counts of a record come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageSource {
    /// The service reported them.
    Reported,
    /// Counted by us over what was seen, because the service reported none.
    Estimated(EstimateReason),
    /// There are none to count.
    None(NoneReason),
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
    /// It was made in the background, and is gone before anybody could ask for it.
    NotRetrieved,
}

/// Why a record has no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoneReason {
    /// The backend refused or failed before it served.
    BackendRefused,
    /// The request was about something stored; its tokens were counted when it was made.
    Stored,
    /// The operation reports no tokens; what it is charged by is in the units, if anywhere.
    NotReportedByOperation,
    /// It uses tokens that are not counted here: batches and realtime sessions.
    NotCounted,
    /// A background response: it is counted when somebody first sees its usage.
    Background,
}

impl NoneReason {
    /// The name in audit log and ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackendRefused => "refused",
            Self::Stored => "stored",
            Self::NotReportedByOperation => "not_reported_by_operation",
            Self::NotCounted => "not_counted",
            Self::Background => "background",
        }
    }
}

impl UsageSource {
    /// `reported`, `estimated` or `none`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated(_) => "estimated",
            Self::None(_) => "none",
        }
    }

    /// Why it was estimated, or why there is nothing to count.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Estimated(EstimateReason::NotReported) => Some("not_reported"),
            Self::Estimated(EstimateReason::Incomplete) => Some("incomplete"),
            Self::Estimated(EstimateReason::ContentFilter) => Some("content_filter"),
            Self::Estimated(EstimateReason::Unreadable) => Some("unreadable"),
            Self::Estimated(EstimateReason::NotRetrieved) => Some("not_retrieved"),
            Self::None(reason) => Some(reason.as_str()),
            Self::Reported => None,
        }
    }
}

/// One request that reached a backend.
#[derive(Clone, Debug)]
pub struct UsageRecord {
    /// Its name, wherever it is copied to.
    pub id: RecordId,
    /// When the request came.
    pub started: SystemTime,
    /// Envoy's id of it.
    pub request_id: Arc<str>,
    /// The trace that it belongs to, where the request named one.
    pub trace_id: Option<TraceId>,
    /// The client that is charged.
    pub client: Arc<str>,
    /// The client's labels when the request came: a JSON object.
    pub labels: Option<Arc<str>>,
    /// The end user, where the credential names one or a trusted client says it.
    pub user: Option<Arc<str>>,
    /// The kind of credential.
    pub credential: &'static str,
    /// The public part of the key; none for other credentials.
    pub key_id: Option<Arc<str>>,
    /// The first digits of the key's SHA-256, as tollgate.yaml has it.
    pub key_sha256: Option<Arc<str>>,
    /// The product that allowed it; none for what is asked of a stored response.
    pub product: Option<Arc<str>>,
    /// The operation.
    pub operation: Operation,
    /// The deployment; none for what is asked of a stored response.
    pub deployment: Option<Arc<str>>,
    /// The pattern by which the product has it; none where it is listed by its name.
    pub deployment_pattern: Option<Arc<str>>,
    /// The model that answered, as the service calls it.
    pub model: Option<Arc<str>>,
    /// The service tier that answered, such as `default` or `priority`; none where none was said.
    pub service_tier: Option<Arc<str>>,
    /// The backend that served it.
    pub backend: Arc<str>,
    /// The region that answered, as the service calls it.
    pub region: Option<Arc<str>>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// The backend's HTTP status; none if it gave none.
    pub status: Option<u16>,
    /// What was used.
    pub tokens: TokenCounts,
    /// What was used other than tokens.
    pub units: Units,
    /// How the answer ended.
    pub outcome: Outcome,
    /// The id of a response that the service may have stored for the client.
    pub response_id: Option<Arc<str>>,
    /// Where the counts come from.
    pub source: UsageSource,
    /// What it costs; `None` where nothing was counted or there is no price.
    pub cost: Option<Cost>,
    /// From the request's arrival to its end.
    pub duration: Duration,
    /// From the request's arrival to the first token of a stream.
    pub time_to_first_token: Option<Duration>,
}

impl UsageRecord {
    /// Looks up the price and computes the cost. Says whether the usage lacks a price.
    pub fn price_by(&mut self, prices: &PriceList) -> bool {
        let used = self.quantities();
        if !used.are_charged(!matches!(self.source, UsageSource::None(_))) {
            self.cost = None;
            return false;
        }
        let served = Served {
            model: self.model.as_deref(),
            deployment: self.deployment.as_deref(),
            backend: &self.backend,
            service_tier: self.service_tier.as_deref(),
            at: self.started,
        };
        self.cost = prices.charge(&served, &used);
        self.cost.is_none() && !prices.is_empty()
    }

    fn quantities(&self) -> Quantities {
        let (tokens, units) = (&self.tokens, &self.units);
        Quantities {
            input: tokens.input,
            cached_input: tokens.cached_input,
            audio_input: tokens.audio_input,
            image_input: tokens.image_input,
            output: tokens.output,
            audio_output: tokens.audio_output,
            images: units.images,
            audio_ms: units.audio_ms,
            characters: units.characters,
        }
    }

    /// The time that each token after the first took: the rest of the answer by the rest of its
    /// tokens, as `gen_ai.server.time_per_output_token` is defined
    /// (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>).
    pub fn time_per_output_token(&self) -> Option<Duration> {
        let rest = self.duration.checked_sub(self.time_to_first_token?)?;
        let tokens = u32::try_from(self.tokens.output.checked_sub(1)?).ok()?;
        rest.checked_div(tokens)
    }
}
