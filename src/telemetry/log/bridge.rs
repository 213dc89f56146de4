//! Lines of the log for a collector, too, once there is one.
//!
//! OpenTelemetry's own bridge from tracing gives each line an event name, `event src/FILE:LINE`, although by the data
//! model only events have one, and knows the trace of a line only where that is a span of tracing.

use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::telemetry::trace::current;

/// Who sends, or is on the way: what these say would be sent, and so be said again.
const SENDERS: [&str; 9] = [
    "h2",
    "hyper",
    "hyper_util",
    "opentelemetry",
    "reqwest",
    "rustls",
    "tollgate::telemetry::otlp",
    "tonic",
    "tower",
];

/// Where lines go besides standard error; nowhere until it is set.
#[derive(Clone, Default)]
pub(in crate::telemetry) struct Bridge(Arc<OnceLock<SdkLogger>>);

impl Bridge {
    /// From now on lines go there. Only the first call counts.
    pub(in crate::telemetry) fn lead_to(&self, logger: SdkLogger) {
        let _ = self.0.set(logger);
    }
}

impl<S: Subscriber> Layer<S> for Bridge {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(logger) = self.0.get() else { return };
        let metadata = event.metadata();
        if is_sender(metadata.target()) {
            return;
        }
        let mut record = logger.create_log_record();
        record.set_target(metadata.target());
        record.set_timestamp(SystemTime::now());
        let severity = severity(*metadata.level());
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        event.record(&mut Fields(&mut record));
        if let Some(point) = current() {
            point.mark(&mut record);
        }
        logger.emit(record);
    }
}

/// A module of one of them, or one of OpenTelemetry's other crates.
fn is_sender(target: &str) -> bool {
    SENDERS.iter().any(|sender| {
        target.strip_prefix(sender).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with("::") || *sender == "opentelemetry"
        })
    })
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

/// What a line says is the body, and what it says that of are attributes.
struct Fields<'a>(&'a mut SdkLogRecord);

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: AnyValue) {
        match field.name() {
            "message" => self.0.set_body(value),
            name => self.0.add_attribute(name, value),
        }
    }

    fn number(&mut self, field: &Field, number: impl TryInto<i64> + ToString + Copy) {
        match number.try_into() {
            Ok(number) => self.add(field, number.into()),
            Err(_) => self.add(field, number.to_string().into()),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.number(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format!("{value:?}").into());
    }
}
