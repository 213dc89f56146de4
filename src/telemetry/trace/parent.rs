//! What a span is a part of.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

use crate::usage::{TraceId as OwnTraceId, TraceParent};

/// Most of a `tracestate` that is read: what everybody must pass on
/// (<https://www.w3.org/TR/trace-context/#tracestate-limits>).
const MAX_STATE_BYTES: usize = 512;

/// A span of somebody else's.
#[derive(Clone, Debug)]
pub struct Parent(SpanContext, OwnTraceId);

impl Parent {
    /// As headers say it.
    pub fn new(of: TraceParent, state: Option<&str>) -> Self {
        let state = state.filter(|it| it.len() <= MAX_STATE_BYTES);
        let state = state.and_then(|it| it.parse::<TraceState>().ok());
        let context = SpanContext::new(
            TraceId::from_bytes(of.trace_id.to_bytes()),
            SpanId::from_bytes(of.span_id),
            TraceFlags::default().with_sampled(of.is_sampled),
            true,
            state.unwrap_or_default(),
        );
        Self(context, of.trace_id)
    }

    /// The trace that it belongs to.
    pub(crate) fn trace_id(&self) -> OwnTraceId {
        self.1
    }

    /// As a header says it, without the `tracestate`.
    pub(crate) fn to_header(&self) -> TraceParent {
        TraceParent {
            trace_id: self.1,
            span_id: self.0.span_id().to_bytes(),
            is_sampled: self.0.is_sampled(),
        }
    }

    /// Its `tracestate`, as far as it was read.
    #[cfg(test)]
    pub(crate) fn state(&self) -> String {
        self.0.trace_state().header()
    }

    /// A span of this process.
    pub(super) fn own(span: SpanContext, trace_id: OwnTraceId) -> Self {
        Self(span, trace_id)
    }

    pub(super) fn span(&self) -> &SpanContext {
        &self.0
    }

    pub(super) fn context(&self) -> Context {
        Context::new().with_remote_span_context(self.0.clone())
    }
}
