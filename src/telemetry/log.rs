//! The service's own log, on standard error: standard output is the audit log's.

mod bridge;
mod filter;
mod line;

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_sdk::logs::SdkLogger;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, reload};

pub(super) use self::bridge::Bridge;
use self::filter::parse;
use self::line::WithTrace;
use crate::control::LogFilter;

const VARIABLE: &str = "TOLLGATE_LOG";
const DEFAULT: &str = "info";

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

/// How the filter is replaced.
type Reload = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// The log that was started.
pub struct LogHandle {
    reload: Reload,
    current: Mutex<String>,
    bridge: Bridge,
}

impl LogHandle {
    /// From now on lines go there, too.
    pub fn also_to(&self, logger: SdkLogger) {
        self.bridge.lead_to(logger);
    }
}

impl LogFilter for LogHandle {
    fn current(&self) -> String {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    fn replace(&self, filter: &str) -> Result<String, String> {
        let parsed = parse(filter)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (self.reload)(parsed)?;
        let previous = std::mem::replace(&mut *current, filter.trim().to_owned());
        // At a level that every filter but `off` and `error` lets through.
        tracing::warn!(filter, previous, "another log level is in force");
        Ok(previous)
    }
}

/// Starts the log; the environment variable `TOLLGATE_LOG` filters it (default `info`).
///
/// # Errors
/// What is wrong with the variable.
pub fn init(format: LogFormat) -> Result<Arc<LogHandle>, String> {
    let wanted = std::env::var(VARIABLE).ok().filter(|it| !it.is_empty());
    let wanted = wanted.unwrap_or_else(|| DEFAULT.to_owned());
    let filter = parse(&wanted).map_err(|why| format!("{VARIABLE}: {why}"))?;
    let (filter, handle) = reload::Layer::new(filter);
    // Escapes for colours are for terminals, and in the way in a file.
    let bridge = Bridge::default();
    let lines = lines(format, io::stderr, io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(bridge.clone())
        .init();
    let reload: Reload =
        Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()));
    Ok(Arc::new(LogHandle {
        reload,
        current: Mutex::new(wanted),
        bridge,
    }))
}

/// What writes lines.
fn lines<S, W>(looks: LogFormat, writer: W, has_colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(has_colours);
    match looks {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .map_event_format(|format| WithTrace { format, looks })
            .boxed(),
        LogFormat::Text => lines
            .map_event_format(|format| WithTrace {
                // Also where it does not write to the terminal itself.
                format: format.with_ansi(has_colours),
                looks,
            })
            .boxed(),
    }
}

#[cfg(test)]
mod tests;
