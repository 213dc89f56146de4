//! Which spans are made, of what they are parts, and that each ends once.

use std::sync::Mutex;
use std::time::Duration;

use opentelemetry::trace::{Span as _, Status};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, Span as SdkSpan, SpanData, SpanProcessor};

use super::*;
use crate::access::Operation;
use crate::telemetry::otlp::Delivery;
use crate::telemetry::span_ended;
use crate::usage::{
    NoneReason, Outcome, RecordId, TokenCounts, TraceParent, Units, UsageRecord, UsageSource,
};

/// Keeps what ends.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().expect("no poison").push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn traces(sampler: Sampler) -> (Traces, Kept) {
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_span_processor(kept.clone())
        .build();
    let traces = Traces {
        tracer: provider.tracer("test"),
        provider,
        delivery: Arc::new(Delivery::new(Signal::Traces, 1)),
    };
    (traces, kept)
}

fn following() -> (Traces, Kept) {
    traces(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
}

fn parent(flags: &str) -> Parent {
    let header = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
    Parent::new(
        TraceParent::parse(&header).expect("a parent"),
        Some("ot=th:8"),
    )
}

#[test]
fn a_span_is_a_part_of_its_parent_and_ends_once() {
    let (traces, kept) = following();
    let parent = parent("01");
    let span = traces.decision(Some(&parent), SystemTime::UNIX_EPOCH);
    assert_eq!(span.trace_id(), Some(parent.trace_id()));
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    for copy in [span.clone(), span] {
        copy.end(end, |span| span.set_attribute(KeyValue::new("a", 1)));
    }
    let kept = kept.0.lock().expect("no poison");
    let [span] = &kept[..] else {
        panic!("one: {kept:?}")
    };
    assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().header(), "ot=th:8");
    assert_eq!(
        (span.start_time, span.end_time),
        (SystemTime::UNIX_EPOCH, end)
    );
    assert_eq!(span.attributes.len(), 1);
}

#[test]
fn what_is_not_sampled_has_no_span_and_is_in_the_trace_all_the_same() {
    let (traces, kept) = following();
    let span = traces.request(Some(&parent("00")), "chat");
    assert_eq!(span.trace_id(), Some(parent("00").trace_id()));
    span.end(SystemTime::now(), |_| panic!("nobody asks what it is"));
    // Nor has what is a part of it.
    let part = traces.request(span.as_parent().as_ref(), "chat");
    drop((span, part));
    assert!(kept.0.lock().expect("no poison").is_empty());
}

#[test]
fn without_a_parent_the_sampler_decides_once_for_the_decision_and_the_request() {
    for (sampler, count) in [(Sampler::AlwaysOn, 2), (Sampler::AlwaysOff, 0)] {
        let (traces, kept) = traces(Sampler::ParentBased(Box::new(sampler)));
        let decision = traces.decision(None, SystemTime::now());
        let request = traces.request(decision.as_parent().as_ref(), "chat");
        assert_eq!(decision.trace_id(), request.trace_id());
        assert!(decision.trace_id().is_some());
        drop((decision, request));
        assert_eq!(kept.0.lock().expect("no poison").len(), count);
    }
}

#[test]
fn a_request_that_is_given_up_ends_as_cancelled() {
    let (traces, kept) = following();
    drop(traces.request(Some(&parent("01")), "chat"));
    let kept = kept.0.lock().expect("no poison");
    let [span] = &kept[..] else {
        panic!("one: {kept:?}")
    };
    assert_eq!(span.attributes, [KeyValue::new("error.type", "cancelled")]);
    assert!(matches!(span.status, Status::Error { .. }));
}

#[test]
fn no_span_ends_before_it_began() {
    let (traces, kept) = following();
    let later = SystemTime::now() + Duration::from_secs(3600);
    let ended = traces.decision(Some(&parent("01")), later);
    ended.end(SystemTime::UNIX_EPOCH, |_| ());
    drop(traces.decision(Some(&parent("01")), later));
    let kept = kept.0.lock().expect("no poison");
    let times = kept.iter().map(|it| (it.start_time, it.end_time));
    assert_eq!(times.collect::<Vec<_>>(), [(later, later); 2]);
}

#[test]
fn nothing_is_made_where_nobody_traces() {
    let span = Span::default();
    assert_eq!(span.trace_id(), None);
    assert!(span.as_parent().is_none());
    span.end(SystemTime::now(), |_| panic!("there is none"));
}

/// A request that came at a time, whose answer took so long after the decision.
fn record(started: SystemTime, duration: Duration) -> UsageRecord {
    UsageRecord {
        id: RecordId::new(started).expect("an id"),
        started,
        request_id: "id".into(),
        trace_id: None,
        client: "app".into(),
        labels: None,
        user: None,
        credential: "token",
        key_id: None,
        key_sha256: None,
        product: None,
        operation: Operation::ChatCompletions,
        deployment: None,
        deployment_pattern: None,
        model: None,
        service_tier: None,
        backend: "sweden".into(),
        region: None,
        stream: false,
        status: Some(200),
        tokens: TokenCounts::default(),
        units: Units::default(),
        outcome: Outcome::default(),
        response_id: None,
        source: UsageSource::None(NoneReason::Stored),
        cost: None,
        duration,
        time_to_first_token: None,
    }
}

#[test]
fn a_request_ends_when_its_answer_did_however_long_the_decision_took() {
    let (traces, kept) = following();
    let span = traces.request(Some(&parent("01")), "chat");
    let end = SystemTime::now();
    // The decision had to wait for a key, and took longer than the answer.
    let arrival = end - Duration::from_secs(1);
    let record = record(arrival, Duration::from_millis(1));
    span_ended(&span, &record, None, end);
    let kept = kept.0.lock().expect("no poison");
    let [span] = &kept[..] else {
        panic!("one: {kept:?}")
    };
    assert_eq!(span.end_time, end);
    assert!(span.start_time <= span.end_time, "{span:?}");
}
