//! Where the counts of a request come from, and why it has none.

use super::outgoing::End;
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
        Some(400) if is_filtered && operation.always_has_tokens() => {
            return UsageSource::Estimated(EstimateReason::ContentFilter);
        }
        Some(400..) => return UsageSource::None(NoneReason::BackendRefused),
        _ => {}
    }
    match operation {
        Operation::Batches | Operation::Realtime => {
            return UsageSource::None(NoneReason::NotCounted);
        }
        Operation::Models | Operation::Files | Operation::ResponsesInputTokens => {
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
        End::Complete if !operation.always_has_tokens() => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Target;
    use crate::usage::TokenCounts;

    /// The source of a request that ended so.
    fn source(method: &str, path: &str, status: u16, metered: &Metered, end: End) -> String {
        let target = Target::parse(method, path).expect("a path");
        let source = of(&Seen {
            endpoint: &target.endpoint,
            status: Some(status),
            is_readable: true,
            metered,
            end,
        });
        let reason = source.reason().unwrap_or("");
        format!("{} {reason}", source.as_str())
    }

    fn ended(path: &str, end: End) -> String {
        source("POST", path, 200, &Metered::default(), end)
    }

    #[test]
    fn an_answer_without_usage_is_estimated_or_has_none_by_its_operation() {
        for (path, complete, broken) in [
            (
                "chat/completions",
                "estimated not_reported",
                "estimated incomplete",
            ),
            (
                "audio/speech",
                "none not_reported_by_operation",
                "estimated incomplete",
            ),
            (
                "images/generations",
                "none not_reported_by_operation",
                "estimated incomplete",
            ),
            (
                "files",
                "none not_reported_by_operation",
                "none not_reported_by_operation",
            ),
            ("batches", "none not_counted", "none not_counted"),
            ("responses/resp_1/cancel", "none stored", "none stored"),
        ] {
            let path = format!("/openai/v1/{path}");
            assert_eq!(ended(&path, End::Complete), complete, "{path}");
            assert_eq!(ended(&path, End::BrokenOff), broken, "{path}");
        }
        let realtime = "/openai/v1/realtime?model=x";
        let session = source("GET", realtime, 101, &Metered::default(), End::Complete);
        assert_eq!(session, "none not_counted");
    }

    #[test]
    fn what_the_service_says_decides() {
        let chat = "/openai/v1/chat/completions";
        let post = |status, metered: &Metered| source("POST", chat, status, metered, End::Complete);
        let counted = Metered {
            counts: Some(TokenCounts::default()),
            ..Metered::default()
        };
        assert_eq!(post(200, &counted), "reported ");
        assert_eq!(post(500, &Metered::default()), "none refused");
        let filtered = Metered {
            error_code: Some(CONTENT_FILTER.to_owned()),
            ..Metered::default()
        };
        assert_eq!(post(400, &filtered), "estimated content_filter");
        assert_eq!(
            finish_reason(Some(400), &filtered),
            Some(FinishReason::ContentFilter)
        );
        let pending = Metered {
            is_pending: true,
            ..Metered::default()
        };
        assert_eq!(post(200, &pending), "none background");
    }
}
