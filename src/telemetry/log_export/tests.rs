//! What records say, and that none is sent of sending.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry::trace::{SpanId, TraceFlags};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter, LogProcessor, SdkLogRecord};

use super::export::Bounded;
use super::*;
use crate::telemetry::audit::{AuditLog, Refused, RequestContext};
use crate::telemetry::otlp::Batching;
use crate::telemetry::trace::{TracePoint, enter};
use crate::usage::TraceId;

/// Keeps what comes, with its scope.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<(SdkLogRecord, String)>>>);

impl LogProcessor for Kept {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        let mut kept = self.0.lock().expect("no poison");
        kept.push((record.clone(), scope.name().to_owned()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn export() -> (LogExport, Kept) {
    let kept = Kept::default();
    let provider = SdkLoggerProvider::builder()
        .with_log_processor(kept.clone())
        .build();
    let delivery = Arc::new(Delivery::new(Signal::Logs, 1));
    (LogExport { provider, delivery }, kept)
}

fn attribute(record: &SdkLogRecord, name: &str) -> Option<AnyValue> {
    let mut attributes = record.attributes_iter();
    attributes.find_map(|(key, value)| (key.as_str() == name).then(|| value.clone()))
}

#[test]
fn a_refusal_is_an_event_whose_body_is_its_line() {
    let (export, kept) = export();
    let (audit, writer) =
        AuditLog::start_with(std::io::sink(), None, Some(export.audit())).expect("a thread");
    let trace_id = TraceId::of_bytes([0x4b; 16]).expect("an id");
    audit.refused(Refused {
        context: RequestContext {
            client: Some("app".into()),
            trace_id: Some(trace_id),
            ..RequestContext::at(SystemTime::UNIX_EPOCH)
        },
        reason: "key_expired",
        status: 401,
    });
    writer.finish();
    let kept = kept.0.lock().expect("no poison");
    let [(record, scope)] = &kept[..] else {
        panic!("one: {kept:?}")
    };
    assert_eq!(scope, "tollgate.audit");
    assert_eq!(record.event_name(), Some("tollgate.refused"));
    assert_eq!(record.severity_number(), Some(Severity::Warn));
    assert_eq!(record.severity_text(), Some("WARN"));
    assert_eq!(record.timestamp(), Some(SystemTime::UNIX_EPOCH));
    let trace = record.trace_context().expect("a trace");
    assert_eq!(trace.trace_id.to_string(), "4b".repeat(16));
    assert_eq!(trace.span_id, SpanId::INVALID);
    assert_eq!(attribute(record, "error.type"), Some("key_expired".into()));
    assert_eq!(attribute(record, "tollgate.client"), Some("app".into()));
    let Some(AnyValue::Map(body)) = record.body() else {
        panic!("the line: {record:?}")
    };
    for (name, value) in [
        ("event", AnyValue::from("refused")),
        ("client", "app".into()),
        ("status", 401.into()),
        ("reason", "key_expired".into()),
    ] {
        assert_eq!(body.get(name), Some(&value), "{name}");
    }
}

/// Those who send, and who is only called alike.
fn say_of_sending() {
    tracing::error!(target: "hyper_util::client", "a connection");
    tracing::error!(target: "opentelemetry-otlp", "a batch");
    tracing::error!(target: "tonic", "a channel");
    tracing::error!(target: "tollgate::telemetry::otlp::delivery", "dropped");
    tracing::error!(target: "towering", "another one");
}

#[test]
fn a_line_of_the_log_is_a_record_and_what_is_said_of_sending_is_none() {
    use tracing_subscriber::layer::SubscriberExt;
    let (export, kept) = export();
    let bridge = crate::telemetry::log::Bridge::default();
    let subscriber = tracing_subscriber::registry().with(bridge.clone());
    let point = TracePoint {
        trace_id: TraceId::of_bytes([0x4b; 16]).expect("an id"),
        span: Some((SpanId::from_bytes([7; 8]), TraceFlags::SAMPLED)),
    };
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("nobody takes it yet");
        bridge.lead_to(export.lines());
        let took_ms: u128 = 12;
        let _entered = enter(Some(point));
        tracing::warn!(backend = "sweden", status = 500_u16, took_ms, far = u64::MAX, error = %"no", "it fails");
        say_of_sending();
    });
    let kept = kept.0.lock().expect("no poison");
    let targets = kept.iter().map(|(it, _)| it.target().map(|it| &**it));
    let targets: Vec<_> = targets.collect();
    assert_eq!(targets, [Some(module_path!()), Some("towering")]);
    let record = &kept[0].0;
    assert_eq!(record.event_name(), None, "only events have one");
    assert_eq!(record.body(), Some(&AnyValue::from("it fails")));
    assert_eq!(record.severity_number(), Some(Severity::Warn));
    assert!(record.timestamp().is_some());
    let trace = record.trace_context().expect("a trace");
    assert_eq!(trace.trace_id.to_string(), "4b".repeat(16));
    assert_eq!(trace.span_id.to_string(), "07".repeat(8));
    assert_eq!(trace.trace_flags, Some(TraceFlags::SAMPLED));
    for (name, value) in [
        ("backend", AnyValue::from("sweden")),
        ("status", 500.into()),
        ("took_ms", 12.into()),
        ("far", u64::MAX.to_string().into()),
        ("error", "no".into()),
    ] {
        assert_eq!(attribute(record, name), Some(value), "{name}");
    }
}

/// Takes all that comes.
#[derive(Debug)]
struct Sink;

impl LogExporter for Sink {
    async fn export(&self, _: LogBatch<'_>) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn what_finds_the_queue_full_is_counted_and_nobody_waits() {
    let batching = Batching {
        queue: 2,
        batch: 2,
        delay: Duration::from_secs(3600),
    };
    let delivery = Arc::new(Delivery::new(Signal::Logs, batching.queue));
    let bounded = Bounded::new(Sink, batching, &delivery);
    let scope = InstrumentationScope::builder("test").build();
    let (export, kept) = export();
    let (audit, writer) =
        AuditLog::start_with(std::io::sink(), None, Some(export.audit())).expect("a thread");
    for _ in 0..5 {
        audit.refused(Refused {
            context: RequestContext::at(SystemTime::UNIX_EPOCH),
            reason: "key_unknown",
            status: 401,
        });
    }
    writer.finish();
    for (record, _) in kept.0.lock().expect("no poison").iter_mut() {
        bounded.emit(record, &scope);
    }
    // No place is given back, as the real exporter does when it takes a batch.
    assert_eq!(
        delivery.outcomes(),
        [("sent", 0), ("no_room", 3), ("failed", 0)]
    );
}
