//! What an answer was found to say.

use super::shown_ids::ShownIds;
use super::{FinishReason, TokenCounts};

/// What the probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) usage: Option<TokenCounts>,
    pub(super) error_code: Option<String>,
    /// `choices` is `[]`: with a `usage` this is the event that `include_usage` asks for.
    pub(super) has_empty_choices: bool,
    pub(super) system_fingerprint: Option<String>,
    /// `service_tier`, as it was said last: the first event of a response only repeats the request.
    pub(super) service_tier: Option<String>,
    /// Of the choices: the filter's, or else the first.
    pub(super) finish_reason: Option<FinishReason>,
    /// `status` of a response.
    pub(super) status: Option<String>,
    /// `incomplete_details.reason` of a response.
    pub(super) incomplete: Option<FinishReason>,
    /// Length of audio; by `usage`, or else by `duration`.
    pub(super) audio_ms: Option<u64>,
    /// `usage` says a length of audio and no tokens.
    pub(super) has_audio_usage: bool,
    /// Objects in `data`, or events of a finished image.
    pub(super) images: u64,
    pub(super) size: Option<String>,
    pub(super) quality: Option<String>,
    /// `type` of an event.
    pub(super) kind: Option<String>,
    /// Ids of things that the service stores, besides that of the answer itself.
    pub(super) shown: ShownIds,
}

impl Found {
    /// Takes over what a later event says.
    pub(super) fn merge(&mut self, later: Self) {
        let is_image = matches!(
            later.kind.as_deref(),
            Some("image_generation.completed" | "image_edit.completed")
        );
        self.images += u64::from(is_image);
        if let Some(reason) = later.finish_reason {
            self.finished(reason);
        }
        self.has_audio_usage |= later.has_audio_usage;
        self.shown.merge(later.shown);
        self.usage = later.usage.or(self.usage);
        self.incomplete = later.incomplete.or(self.incomplete);
        self.audio_ms = later.audio_ms.or(self.audio_ms);
        for (known, later) in [
            (&mut self.id, later.id),
            (&mut self.model, later.model),
            (&mut self.error_code, later.error_code),
            (&mut self.system_fingerprint, later.system_fingerprint),
            (&mut self.service_tier, later.service_tier),
            (&mut self.status, later.status),
            (&mut self.size, later.size),
            (&mut self.quality, later.quality),
        ] {
            if later.is_some() {
                *known = later;
            }
        }
    }

    pub(super) fn finished(&mut self, reason: FinishReason) {
        if reason == FinishReason::ContentFilter || self.finish_reason.is_none() {
            self.finish_reason = Some(reason);
        }
    }

    /// Why the model stopped, in whichever way the operation says it.
    pub(super) fn finish(&self) -> Option<FinishReason> {
        let by_status = || self.status.as_deref().and_then(FinishReason::from_status);
        self.finish_reason.or(self.incomplete).or_else(by_status)
    }
}
