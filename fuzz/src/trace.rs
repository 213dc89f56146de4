//! The trace that a request says it is a part of.
//!
//! ```text
//! input   = traceparent [ LF tracestate ]
//! ```

use tollgate::telemetry::Parent;
use tollgate::usage::TraceParent;

/// What is accepted is written to logs: it is what the header says, and not zero. Whatever the state is, the span
/// has its parent.
pub(crate) fn run(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let (header, state) = match text.split_once('\n') {
        Some((header, state)) => (header, Some(state)),
        None => (&*text, None),
    };
    let Some(parsed) = TraceParent::parse(header) else {
        return false;
    };
    let id = parsed.trace_id.to_string();
    assert!(header.contains(&id), "{id} is not in {header:?}");
    assert!(id.bytes().any(|digit| digit != b'0'), "zero is not an id");
    assert_ne!(parsed.span_id, [0; 8], "zero is not an id");
    drop(Parent::new(parsed, state));
    true
}
