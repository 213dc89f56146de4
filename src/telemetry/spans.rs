//! How spans end: what is known of a decision or a request by then.

mod attributes;

use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::Span as _;

use super::audit::{Refused, RequestContext};
use super::conventions::ERROR_TYPE;
use super::trace::{Span, fail};
use crate::usage::UsageRecord;

/// A request is allowed by its headers.
pub(crate) fn allowed(context: &RequestContext) {
    context.span.end(SystemTime::now(), |span| {
        span.set_attributes(attributes::of_request(context));
        span.set_attribute(KeyValue::new("tollgate.decision", "allow"));
    });
}

/// A request is refused.
pub(crate) fn refused(refused: &Refused) {
    refused.context.span.end(SystemTime::now(), |span| {
        span.set_attributes(attributes::of_request(&refused.context));
        span.set_attributes(attributes::of_refusal(refused));
        fail(span, refused.reason.into());
    });
}

/// What is known of a request that was refused, with why.
pub(super) fn refusal_attributes(refused: &Refused) -> Vec<KeyValue> {
    let why = KeyValue::new(ERROR_TYPE, refused.reason);
    let known = attributes::of_request(&refused.context);
    known
        .chain(attributes::of_refusal(refused))
        .chain([why])
        .collect()
}

/// What is known of a request that was at a backend, with how it has failed, if it has.
pub(super) fn record_attributes(record: &UsageRecord) -> Vec<KeyValue> {
    let how = attributes::error_of(record).map(|error| KeyValue::new(ERROR_TYPE, error));
    attributes::of_record(record).chain(how).collect()
}

/// A request has been at a backend, whose host and port are these, until then.
pub(crate) fn ended(span: &Span, record: &UsageRecord, backend: Option<&str>, at: SystemTime) {
    span.end(at, |span| {
        span.update_name(attributes::name(record));
        span.set_attributes(attributes::of_record(record));
        span.set_attributes(attributes::of_server(backend));
        if let Some(error) = attributes::error_of(record) {
            fail(span, error);
        }
    });
}
