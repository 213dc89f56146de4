//! The kinds of telemetry.

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::telemetry) enum Signal {
    /// Spans of decisions and requests.
    Traces,
    /// What Prometheus reads, too.
    Metrics,
    /// The log and the audit log.
    Logs,
}

impl Signal {
    /// Its name in the middle of a variable.
    pub(super) const fn infix(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
            Self::Logs => "LOGS",
        }
    }

    /// Where a collector takes it over HTTP, below the URL for all of them.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
            Self::Logs => "v1/logs",
        }
    }

    /// The label in the metrics.
    pub(in crate::telemetry) const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// One piece of it, and several.
    pub(super) const fn pieces(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "metrics",
            Self::Logs => "records of the log",
        }
    }

    /// Whether it goes where an endpoint is set for all signals. Logs say who asks: whoever has set one for spans and
    /// metrics has not meant that.
    pub(super) const fn follows_common_endpoint(self) -> bool {
        !matches!(self, Self::Logs)
    }

    /// Exporters that it may be said to have. What Prometheus reads, and the log on standard error, are always there.
    pub(super) const fn exporters(self) -> &'static [&'static str] {
        match self {
            Self::Traces => &["otlp", "none"],
            Self::Metrics => &["otlp", "none", "prometheus"],
            Self::Logs => &["otlp", "none", "console"],
        }
    }
}
