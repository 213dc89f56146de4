//! The kinds of telemetry.

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::telemetry) enum Signal {
    /// Spans of decisions and requests.
    Traces,
    /// What Prometheus reads, too.
    Metrics,
}

impl Signal {
    /// Its name in the middle of a variable.
    pub(super) const fn infix(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }

    /// Where a collector takes it over HTTP, below the URL for all of them.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
        }
    }

    /// The label in the metrics.
    pub(in crate::telemetry) const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }

    /// One piece of it, and several.
    pub(super) const fn pieces(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "metrics",
        }
    }

    /// Exporters that it may be said to have. What Prometheus reads is always there.
    pub(super) const fn exporters(self) -> &'static [&'static str] {
        match self {
            Self::Traces => &["otlp", "none"],
            Self::Metrics => &["otlp", "none", "prometheus"],
        }
    }
}
