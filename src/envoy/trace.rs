//! What a request's span is a part of: Envoy says it with each call, where it traces; else the caller may have.

use tonic::metadata::MetadataMap;

use crate::telemetry::Parent;
use crate::usage::TraceParent;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Envoy's span, of which the call itself is a part.
pub(super) fn of_call(metadata: &MetadataMap) -> Option<Parent> {
    let text = |name| metadata.get(name).and_then(|it| it.to_str().ok());
    let parent = TraceParent::parse(text(TRACEPARENT)?)?;
    Some(Parent::new(parent, text(TRACESTATE)))
}

/// The caller's span. Two of them are none: readers differ in which they take.
pub(super) fn of_caller<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<Parent> {
    let mut named = headers.filter(|(name, _)| *name == TRACEPARENT);
    let (_, value) = named.next()?;
    let parent = TraceParent::parse(std::str::from_utf8(value).ok()?)?;
    named.next().is_none().then(|| Parent::new(parent, None))
}
