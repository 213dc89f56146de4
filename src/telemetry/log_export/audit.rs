//! A line of the audit log as a record: the line is its body, and its attributes are those that the request's span has.

use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::logs::{LogRecord, Logger, Severity};
use opentelemetry_sdk::logs::SdkLogger;

use super::value;
use crate::telemetry::audit::Entry;
use crate::telemetry::spans;
use crate::telemetry::trace::TracePoint;

/// What kind of line it is.
struct Kind {
    event_name: &'static str,
    severity: Severity,
    at: SystemTime,
    attributes: Vec<KeyValue>,
    point: Option<TracePoint>,
}

impl Kind {
    fn of(entry: &Entry) -> Option<Self> {
        let of_command = |event_name, at, attributes| Self {
            event_name,
            severity: Severity::Info,
            at,
            attributes,
            point: None,
        };
        Some(match entry {
            Entry::Usage(record, point) => Self {
                event_name: "tollgate.usage",
                severity: Severity::Info,
                at: record.started,
                attributes: spans::record_attributes(record),
                point: point
                    .filter(|it| Some(it.trace_id) == record.trace_id)
                    .or(record.trace_id.map(TracePoint::of_trace)),
            },
            Entry::Refused(refused) => Self {
                event_name: "tollgate.refused",
                severity: Severity::Warn,
                at: refused.context.started,
                attributes: spans::refusal_attributes(refused),
                point: refused.context.trace_point(),
            },
            Entry::Key(_, key, _) => {
                let client = KeyValue::new("tollgate.client", key.client.as_str().to_owned());
                of_command("tollgate.key", key.changed.at, vec![client])
            }
            Entry::Recomputed(_, _, at) => of_command("tollgate.recompute", *at, Vec::new()),
            Entry::End => return None,
        })
    }
}

/// Sends a line on its way.
pub(super) fn emit(logger: &SdkLogger, entry: &Entry, line: &[u8]) {
    let Some(kind) = Kind::of(entry) else { return };
    let mut record = logger.create_log_record();
    record.set_event_name(kind.event_name);
    record.set_severity_number(kind.severity);
    record.set_severity_text(kind.severity.name());
    record.set_timestamp(kind.at);
    let body = serde_json::from_slice(line).ok();
    if let Some(body) = body.and_then(value::of_json) {
        record.set_body(body);
    }
    for KeyValue { key, value, .. } in kind.attributes {
        record.add_attribute(key, value::of_attribute(value));
    }
    if let Some(point) = kind.point {
        point.mark(&mut record);
    }
    logger.emit(record);
}
