//! A line of the log: as the library writes it, with the trace of the request that it is about.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;
use crate::telemetry::trace::{TracePoint, current};

/// What the library writes, and how that looks.
pub(super) struct WithTrace<F> {
    pub(super) format: F,
    pub(super) looks: LogFormat,
}

impl<S, N, F> FormatEvent<S, N> for WithTrace<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(point) = current() else {
            return self.format.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.format
            .format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end_matches('\n');
        match self.looks {
            LogFormat::Json => json(&mut writer, line, point),
            LogFormat::Text => text(&mut writer, line, point),
        }
    }
}

/// The members come last in the object.
fn json(writer: &mut Writer<'_>, line: &str, point: TracePoint) -> fmt::Result {
    let Some(open) = line.strip_suffix('}') else {
        return writeln!(writer, "{line}");
    };
    write!(writer, "{open},\"trace_id\":\"{}\"", point.trace_id)?;
    if let Some((span_id, _)) = point.span {
        write!(writer, ",\"span_id\":\"{span_id}\"")?;
    }
    writeln!(writer, "}}")
}

fn text(writer: &mut Writer<'_>, line: &str, point: TracePoint) -> fmt::Result {
    write!(writer, "{line} trace_id={}", point.trace_id)?;
    if let Some((span_id, _)) = point.span {
        write!(writer, " span_id={span_id}")?;
    }
    writeln!(writer)
}
