//! Where the counts of a request come from, and why it has none.

use super::transaction::End;
use crate::access::{Endpoint, Operation};
use crate::usage::{EstimateReason, FinishReason, Metered, NoneReason, UsageSource};

/// Where `error.code` says that the content filter refused the prompt.
const CONTENT_FILTER: &str = "content_filter";

/// What was seen of a request that has ended.
pub(super) struct Seen<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) status: Option<u16>,
    /// The answer's body was read.
    pub(super) is_readable: bool,
    pub(super) metered: &'a Metered,
    pub(super) end: End,
}

/// Where the counts come from; docs/metering.md has the table.
pub(super) fn of(seen: &Seen<'_>) -> UsageSource {
    let Seen {
        endpoint,
        status,
        metered,
        ..
    } = *seen;
    let operation = match endpoint {
        Endpoint::Stored { .. } => return UsageSource::None(NoneReason::Stored),
        Endpoint::Create { operation, .. } => *operation,
        Endpoint::Models => Operation::Models,
        Endpoint::Realtime { .. } => Operation::Realtime,
    };
    let is_filtered = metered.error_code.as_deref() == Some(CONTENT_FILTER);
    match status {
        Some(300..=399) => return UsageSource::None(NoneReason::Stored),
        // Azure bills the prompt of a text that it refuses.
        Some(400) if is_filtered && operation.has_text() => {
            return UsageSource::Estimated(EstimateReason::ContentFilter);
        }
        Some(400..) => return UsageSource::None(NoneReason::Refused),
        _ => {}
    }
    match operation {
        Operation::Batches | Operation::Realtime => {
            return UsageSource::None(NoneReason::NotCounted);
        }
        Operation::Models | Operation::Files => {
            return UsageSource::None(NoneReason::NotReportedByOperation);
        }
        _ => {}
    }
    if metered.counts.is_some() || metered.has_audio_usage {
        return UsageSource::Reported;
    }
    match seen.end {
        End::BrokenOff => UsageSource::Estimated(EstimateReason::Incomplete),
        End::Complete if metered.is_pending => UsageSource::None(NoneReason::Background),
        // Whisper, DALL·E and speech have none to report.
        End::Complete if !operation.has_text() => {
            UsageSource::None(NoneReason::NotReportedByOperation)
        }
        End::Complete if !seen.is_readable => UsageSource::Estimated(EstimateReason::Unreadable),
        End::Complete => UsageSource::Estimated(EstimateReason::NotReported),
    }
}

/// Why the model stopped; a prompt that the filter refuses ends by the filter too.
pub(super) fn finish_reason(status: Option<u16>, metered: &Metered) -> Option<FinishReason> {
    let is_refused = status.is_some_and(|status| status >= 400);
    let is_filtered = metered.error_code.as_deref() == Some(CONTENT_FILTER);
    match (metered.finish_reason, is_refused && is_filtered) {
        (_, true) => Some(FinishReason::ContentFilter),
        (reason, false) => reason,
    }
}
