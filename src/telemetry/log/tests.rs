//! What is in a line.

use std::sync::{Arc, Mutex};

use opentelemetry::trace::{SpanId, TraceFlags};

use super::*;
use crate::telemetry::trace::{TracePoint, enter};
use crate::usage::TraceId;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written of a line that is said nowhere, in a trace, and at a span of it.
fn written(looks: LogFormat, has_colours: bool) -> Vec<String> {
    let kept = Kept::default();
    let of_writer = kept.clone();
    let lines = lines(looks, move || of_writer.clone(), has_colours);
    let subscriber = tracing_subscriber::registry().with(lines);
    let trace_id = TraceId::of_bytes([0x4b; 16]).expect("an id");
    let span = Some((SpanId::from_bytes([7; 8]), TraceFlags::SAMPLED));
    tracing::subscriber::with_default(subscriber, || {
        for point in [
            None,
            Some(TracePoint {
                trace_id,
                span: None,
            }),
            Some(TracePoint { trace_id, span }),
        ] {
            let _entered = enter(point);
            tracing::warn!(backend = "sweden}\n", "it {{fails}}");
        }
    });
    let kept = kept.0.lock().expect("no poison").clone();
    let kept = String::from_utf8(kept).expect("UTF-8");
    kept.lines().map(str::to_owned).collect()
}

#[test]
fn a_line_of_json_about_a_request_has_its_trace_and_any_other_has_none() {
    let lines = written(LogFormat::Json, false);
    let json = |line: &String| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    let lines: Vec<_> = lines.iter().map(json).collect();
    let ids = |line: &serde_json::Value| (line["trace_id"].clone(), line["span_id"].clone());
    let ids: Vec<_> = lines.iter().map(ids).collect();
    let (trace_id, span_id) = ("4b".repeat(16), "07".repeat(8));
    assert_eq!(
        serde_json::json!(ids),
        serde_json::json!([[null, null], [trace_id, null], [trace_id, span_id]])
    );
    for line in &lines {
        assert_eq!(line["message"], "it {fails}", "{line}");
        assert_eq!(line["backend"], "sweden}\n", "{line}");
    }
}

#[test]
fn a_line_of_text_about_a_request_ends_with_its_trace() {
    let lines = written(LogFormat::Text, false);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|it| it.contains("WARN")), "{lines:?}");
    let trace = format!("trace_id={}", "4b".repeat(16));
    let span = format!("span_id={}", "07".repeat(8));
    assert!(!lines[0].contains("trace_id"), "{lines:?}");
    assert!(lines[1].ends_with(&trace), "{lines:?}");
    assert!(lines[2].ends_with(&format!("{trace} {span}")), "{lines:?}");
}

#[test]
fn a_line_has_colours_or_none_whether_or_not_it_is_about_a_request() {
    for has_colours in [true, false] {
        for line in written(LogFormat::Text, has_colours) {
            assert_eq!(line.contains("\u{1b}["), has_colours, "{line}");
        }
    }
}
