//! Usage records in the audit log.

use serde::Serialize;

use super::{milliseconds, rfc3339};
use crate::usage::{FinishReason, UsageRecord};

/// A usage record as it is written; docs/metering.md lists the members.
#[derive(Serialize)]
pub(super) struct UsageLine<'a> {
    event: &'static str,
    time: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    client: &'a str,
    user: Option<&'a str>,
    credential: &'a str,
    key_id: Option<&'a str>,
    product: Option<&'a str>,
    operation: &'static str,
    deployment: Option<&'a str>,
    model: Option<&'a str>,
    backend: &'a str,
    stream: bool,
    status: Option<u16>,
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cached_tokens: u64,
    reasoning_tokens: u64,
    #[serde(flatten)]
    details: Details<'a>,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_reason: Option<&'static str>,
    service_tier: Option<&'a str>,
    finish_reason: Option<&'static str>,
    filtered: bool,
    system_fingerprint: Option<&'a str>,
    attempts: u32,
    request_bytes: u64,
    response_bytes: Option<u64>,
    duration_ms: f64,
    time_to_first_token_ms: Option<f64>,
    time_per_output_token_ms: Option<f64>,
}

/// Counts that few requests have; zeros are left out.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    audio_input_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    audio_output_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    image_input_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    accepted_prediction_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    rejected_prediction_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    images: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    audio_ms: u64,
    #[serde(skip_serializing_if = "is_zero")]
    characters: u64,
}

impl<'a> Details<'a> {
    fn of(record: &'a UsageRecord) -> Self {
        let (tokens, units) = (&record.tokens, &record.units);
        Self {
            audio_input_tokens: tokens.audio_input,
            audio_output_tokens: tokens.audio_output,
            image_input_tokens: tokens.image_input,
            accepted_prediction_tokens: tokens.accepted_prediction,
            rejected_prediction_tokens: tokens.rejected_prediction,
            images: units.images,
            image_size: units.image_size.as_deref(),
            image_quality: units.image_quality.as_deref(),
            audio_ms: units.audio_ms,
            characters: units.characters,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl<'a> UsageLine<'a> {
    pub(super) fn of(record: &'a UsageRecord) -> Self {
        Self {
            event: "usage",
            time: rfc3339(record.started),
            request_id: &record.request_id,
            trace_id: record.trace_id.map(|id| id.to_string()),
            client: &record.client,
            user: record.user.as_deref(),
            credential: record.credential,
            key_id: record.key_id.as_deref(),
            product: record.product.as_deref(),
            operation: record.operation.as_str(),
            deployment: record.deployment.as_deref(),
            model: record.model.as_deref(),
            backend: &record.backend,
            stream: record.stream,
            status: record.status,
            input_tokens: record.tokens.input,
            output_tokens: record.tokens.output,
            total_tokens: record.tokens.total,
            cached_tokens: record.tokens.cached_input,
            reasoning_tokens: record.tokens.reasoning,
            details: Details::of(record),
            source: record.source.as_str(),
            source_reason: record.source.reason(),
            service_tier: record.service_tier.as_deref(),
            finish_reason: record.outcome.finish_reason.map(FinishReason::as_str),
            filtered: record.outcome.filtered,
            system_fingerprint: record.outcome.system_fingerprint.as_deref(),
            attempts: record.outcome.attempts,
            request_bytes: record.outcome.request_bytes,
            response_bytes: record.outcome.response_bytes,
            duration_ms: milliseconds(record.duration),
            time_to_first_token_ms: record.time_to_first_token.map(milliseconds),
            time_per_output_token_ms: record.time_per_output_token().map(milliseconds),
        }
    }
}
