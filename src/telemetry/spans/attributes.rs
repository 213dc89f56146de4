//! What a span says: names of the configuration and of the conventions, counts, and nothing of what was said.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::access::Operation;
use crate::telemetry::audit::{Refused, RequestContext};
use crate::telemetry::conventions as names;
use crate::usage::{EstimateReason, FinishReason, UsageRecord, UsageSource};

/// The name of a span of a request: the operation and, where it is known, what it is asked of.
pub(super) fn name(record: &UsageRecord) -> Cow<'static, str> {
    let operation = record.operation.gen_ai_name();
    match &record.deployment {
        Some(deployment) => Cow::Owned(format!("{operation} {deployment}")),
        None => Cow::Borrowed(operation),
    }
}

/// What is known of a request before it goes out.
pub(super) fn of_request(context: &RequestContext) -> impl Iterator<Item = KeyValue> {
    let operation = context.operation.map(Operation::gen_ai_name);
    [
        text(
            "tollgate.request.id",
            Some(&context.request_id).filter(|it| !it.is_empty()),
        ),
        text("tollgate.client", context.client.as_ref()),
        text("tollgate.product", context.product.as_ref()),
        context
            .credential
            .map(|it| KeyValue::new("tollgate.credential", it)),
        Some(KeyValue::new(names::PROVIDER, names::AZURE_OPENAI)),
        operation.map(|it| KeyValue::new(names::OPERATION, it)),
        text(names::REQUEST_MODEL, context.deployment.as_ref()),
        text(names::URL_PATH, context.path.as_ref()),
        context
            .address
            .map(|it| KeyValue::new(names::CLIENT_ADDRESS, it.to_string())),
    ]
    .into_iter()
    .flatten()
}

/// What a refusal says besides its reason.
pub(super) fn of_refusal(refused: &Refused) -> [KeyValue; 2] {
    [
        KeyValue::new("tollgate.decision", "deny"),
        KeyValue::new(names::HTTP_STATUS, i64::from(refused.status)),
    ]
}

/// What is known of a request that was at a backend.
pub(super) fn of_record(record: &UsageRecord) -> impl Iterator<Item = KeyValue> {
    let tokens = &record.tokens;
    let is_counted = !matches!(record.source, UsageSource::None(_));
    let count = |name: &'static str, count: u64| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        is_counted.then(|| KeyValue::new(name, count))
    };
    let finish = record.outcome.finish_reason.map(FinishReason::as_str);
    let first_token = record.time_to_first_token;
    [
        text("tollgate.request.id", Some(&record.request_id)),
        text("tollgate.client", Some(&record.client)),
        text("tollgate.product", record.product.as_ref()),
        Some(KeyValue::new("tollgate.credential", record.credential)),
        text("tollgate.backend", Some(&record.backend)),
        Some(KeyValue::new(
            "tollgate.usage.source",
            record.source.as_str(),
        )),
        Some(KeyValue::new(names::STREAM, record.stream)),
        text(names::SERVICE_TIER, record.service_tier.as_ref()),
        Some(KeyValue::new(
            "tollgate.attempts",
            i64::from(record.outcome.attempts),
        )),
        first_token.map(|it| KeyValue::new(names::FIRST_CHUNK, it.as_secs_f64())),
        Some(KeyValue::new(names::PROVIDER, names::AZURE_OPENAI)),
        Some(KeyValue::new(
            names::OPERATION,
            record.operation.gen_ai_name(),
        )),
        text(names::REQUEST_MODEL, record.deployment.as_ref()),
        text(names::RESPONSE_MODEL, record.model.as_ref()),
        finish.map(|it| KeyValue::new(names::FINISH_REASONS, list(it))),
        count(names::INPUT_TOKENS, tokens.input),
        count(names::OUTPUT_TOKENS, tokens.output),
        count(names::CACHED_TOKENS, tokens.cached_input).filter(|_| tokens.cached_input > 0),
        count(names::REASONING_TOKENS, tokens.reasoning).filter(|_| tokens.reasoning > 0),
        record
            .status
            .map(|it| KeyValue::new(names::HTTP_STATUS, i64::from(it))),
    ]
    .into_iter()
    .flatten()
}

/// Where a backend is: `HOST:PORT`, where tollgate knows it.
pub(super) fn of_server(backend: Option<&str>) -> impl Iterator<Item = KeyValue> {
    let (host, port) = backend.and_then(|it| it.rsplit_once(':')).unzip();
    let port = port.and_then(|it| it.parse::<u16>().ok());
    let host = host.map(|it| KeyValue::new(names::SERVER_ADDRESS, it.to_owned()));
    let port = port.map(|it| KeyValue::new(names::SERVER_PORT, i64::from(it)));
    [host, port].into_iter().flatten()
}

/// How a request has failed, if it has.
pub(super) fn error_of(record: &UsageRecord) -> Option<Cow<'static, str>> {
    match (record.status, record.source, record.outcome.finish_reason) {
        (None, ..) => Some("no_answer".into()),
        (Some(status @ 400..), ..) => Some(status.to_string().into()),
        (_, UsageSource::Estimated(EstimateReason::Incomplete), _) => Some("incomplete".into()),
        (_, _, Some(FinishReason::Failed)) => Some("failed".into()),
        _ => None,
    }
}

fn text(name: &'static str, value: Option<&Arc<str>>) -> Option<KeyValue> {
    Some(KeyValue::new(name, Arc::clone(value?)))
}

fn list(only: &'static str) -> Value {
    Value::Array(Array::String(vec![StringValue::from(only)]))
}
