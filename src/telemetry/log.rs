//! The service's own log, on standard error: standard output is the audit log's.

use std::io;

use tracing_subscriber::EnvFilter;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Text,
}

/// Starts the log; the environment variable `TOLLGATE_LOG` filters it (default `info`).
///
/// What azure_core and hyper have to say in detail can hold headers: they are kept to warnings,
/// whatever the filter says.
pub fn init(format: LogFormat) {
    let wanted = std::env::var("TOLLGATE_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = [
        "azure_core",
        "azure_identity",
        "typespec_client_core",
        "hyper",
        "hyper_util",
        "h2",
        "opentelemetry",
        "opentelemetry-otlp",
        "reqwest",
        "tonic",
    ]
    .into_iter()
    .filter_map(|name| format!("{name}=warn").parse().ok())
    .fold(EnvFilter::new(wanted), EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.init(),
    }
}
