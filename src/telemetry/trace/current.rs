//! Where in a trace a thread is just now: what the log says meanwhile is about that.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;

use opentelemetry::logs::LogRecord;
use opentelemetry::trace::{SpanId, TraceFlags, TraceId as OtelTraceId};

use crate::usage::TraceId;

thread_local! {
    static CURRENT: Cell<Option<TracePoint>> = const { Cell::new(None) };
}

/// A place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TracePoint {
    /// The trace.
    pub(in crate::telemetry) trace_id: TraceId,
    /// The span of it, and whether somebody keeps it; none where nobody makes spans.
    pub(in crate::telemetry) span: Option<(SpanId, TraceFlags)>,
}

impl TracePoint {
    /// Somewhere in a trace.
    pub(in crate::telemetry) fn of_trace(trace_id: TraceId) -> Self {
        Self {
            trace_id,
            span: None,
        }
    }

    /// Says in a record where it belongs.
    pub(in crate::telemetry) fn mark(self, record: &mut impl LogRecord) {
        let (span_id, flags) = self.span.unzip();
        let trace_id = OtelTraceId::from_bytes(self.trace_id.to_bytes());
        record.set_trace_context(trace_id, span_id.unwrap_or(SpanId::INVALID), flags);
    }
}

/// As long as it is there, this thread is at that place. Not for an `await`: see [`during`].
pub(crate) struct Entered {
    previous: Option<TracePoint>,
    /// It may not leave its thread.
    _thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.previous);
    }
}

/// From now on this thread is at a place, or at none.
pub(crate) fn enter(point: Option<TracePoint>) -> Entered {
    Entered {
        previous: CURRENT.replace(point),
        _thread: PhantomData,
    }
}

/// Whichever thread works on it, is at a place meanwhile.
pub(crate) async fn during<T>(point: Option<TracePoint>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        let _entered = enter(point);
        work.as_mut().poll(context)
    })
    .await
}

/// Where this thread is.
pub(in crate::telemetry) fn current() -> Option<TracePoint> {
    CURRENT.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(byte: u8) -> Option<TracePoint> {
        Some(TracePoint {
            trace_id: TraceId::of_bytes([byte; 16]).expect("an id"),
            span: None,
        })
    }

    #[test]
    fn a_thread_is_where_it_was_before_once_it_has_left() {
        let outer = enter(point(1));
        {
            let _inner = enter(point(2));
            assert_eq!(current(), point(2));
            let _nowhere = enter(None);
            assert_eq!(current(), None);
        }
        assert_eq!(current(), point(1));
        drop(outer);
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn work_that_waits_is_at_its_own_place_and_nobody_else_is_meanwhile() {
        let work = async {
            assert_eq!(current(), point(1));
            tokio::task::yield_now().await;
            assert_eq!(current(), point(1));
        };
        let other = async {
            assert_eq!(current(), None);
            tokio::task::yield_now().await;
            assert_eq!(current(), None);
        };
        tokio::join!(during(point(1), work), other);
        assert_eq!(current(), None);
    }
}
