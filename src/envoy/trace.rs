//! What a request's span is a part of: Envoy says it with each call, where it traces; else the caller may have.

use tonic::metadata::MetadataMap;

use crate::telemetry::Parent;
use crate::usage::TraceParent;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Envoy's span, of which the call itself is a part. Its state is for spans alone: it is read where some are made.
pub(super) fn of_call(metadata: &MetadataMap, makes_spans: bool) -> Option<Parent> {
    let text = |name| metadata.get(name).and_then(|it| it.to_str().ok());
    let parent = TraceParent::parse(text(TRACEPARENT)?)?;
    let state = makes_spans.then(|| text(TRACESTATE)).flatten();
    Some(Parent::new(parent, state))
}

/// The caller's span. Two of them are none: readers differ in which they take.
pub(super) fn of_caller<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<Parent> {
    let mut named = headers.filter(|(name, _)| *name == TRACEPARENT);
    let (_, value) = named.next()?;
    let parent = TraceParent::parse(std::str::from_utf8(value).ok()?)?;
    named.next().is_none().then(|| Parent::new(parent, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_trace_is_read_only_where_spans_are_made() {
        let mut metadata = MetadataMap::new();
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        metadata.insert(TRACEPARENT, parent.parse().expect("ASCII"));
        metadata.insert(TRACESTATE, "ot=th:8".parse().expect("ASCII"));
        for (makes_spans, state) in [(true, "ot=th:8"), (false, "")] {
            let parent = of_call(&metadata, makes_spans).expect("a parent");
            assert_eq!(parent.state(), state);
            let id = parent.trace_id().to_string();
            assert_eq!(id, "4bf92f3577b34da6a3ce929d0e0e4736", "for the log");
        }
    }
}
