//! A span that is open, wherever its request goes: whoever knows how it ended says so, once.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Status, Tracer};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

use super::current::TracePoint;
use super::parent::Parent;
use crate::telemetry::conventions::ERROR_TYPE;
use crate::usage::TraceId;

/// Nobody has said how it ended: the request was given up.
const CANCELLED: &str = "cancelled";

/// A span, or none where nobody traces. Copies are of the same span.
#[derive(Clone, Default)]
pub struct Span(Option<Arc<Open>>);

struct Open {
    /// What parts of it name as their parent.
    context: SpanContext,
    began: SystemTime,
    /// Until it has ended; none where it is not sampled.
    span: Mutex<Option<SdkSpan>>,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({})", self.0.is_some())
    }
}

impl Span {
    pub(super) fn start(
        tracer: &SdkTracer,
        name: &'static str,
        kind: SpanKind,
        parent: Option<&Parent>,
        began: SystemTime,
    ) -> Self {
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_start_time(began);
        let context = parent.map(Parent::context).unwrap_or_default();
        let span = tracer.build_with_context(builder, &context);
        Self(Some(Arc::new(Open {
            context: span.span_context().clone(),
            began,
            span: Mutex::new(Some(span).filter(SdkSpan::is_recording)),
        })))
    }

    /// A span of another process, which ends there: only the parent of others here.
    pub(crate) fn elsewhere(parent: &Parent) -> Self {
        Self(Some(Arc::new(Open {
            context: parent.span().clone(),
            began: SystemTime::now(),
            span: Mutex::new(None),
        })))
    }

    /// The trace that it belongs to.
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        let open = self.0.as_ref().filter(|it| it.context.is_valid())?;
        TraceId::of_bytes(open.context.trace_id().to_bytes())
    }

    /// Where it is.
    pub(in crate::telemetry) fn point(&self) -> Option<TracePoint> {
        let trace_id = self.trace_id()?;
        let context = &self.0.as_ref()?.context;
        Some(TracePoint {
            trace_id,
            span: Some((context.span_id(), context.trace_flags())),
        })
    }

    /// It, as the parent of another one.
    pub(crate) fn as_parent(&self) -> Option<Parent> {
        let trace_id = self.trace_id()?;
        Some(Parent::own(self.0.as_ref()?.context.clone(), trace_id))
    }

    /// Ends it, once, with what is said of it. Nobody is asked for that where it is not sampled. It never ends before
    /// it began, as it would where the clock has been set back meanwhile.
    pub(in crate::telemetry) fn end(&self, at: SystemTime, describe: impl FnOnce(&mut SdkSpan)) {
        let Some(open) = &self.0 else { return };
        if let Some(mut span) = open.take() {
            describe(&mut span);
            span.end_with_timestamp(at.max(open.began));
        }
    }
}

impl Open {
    fn take(&self) -> Option<SdkSpan> {
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        span.take()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut span) = self.take() {
            fail(&mut span, CANCELLED.into());
            span.end_with_timestamp(SystemTime::now().max(self.began));
        }
    }
}

/// Marks a span as one of something that has failed, and how.
pub(in crate::telemetry) fn fail(span: &mut SdkSpan, error: Cow<'static, str>) {
    span.set_attribute(KeyValue::new(ERROR_TYPE, error));
    span.set_status(Status::error(""));
}
