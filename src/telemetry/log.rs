//! The service's own log, on standard error: standard output is the audit log's.

mod filter;

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;

use self::filter::parse;
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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Escapes for colours are for terminals, and in the way in a file.
        .with_ansi(io::stderr().is_terminal());
    let reload: Reload = match format {
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
        }
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
        }
    };
    Ok(Arc::new(LogHandle {
        reload,
        current: Mutex::new(wanted),
    }))
}
