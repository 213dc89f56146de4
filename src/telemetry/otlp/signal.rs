//! The kinds of telemetry.

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::telemetry) enum Signal {
    /// Spans of decisions and requests.
    Traces,
}

impl Signal {
    /// Its name in the middle of a variable.
    pub(super) const fn infix(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
        }
    }

    /// Where a collector takes it over HTTP, below the URL for all of them.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
        }
    }

    /// The label in the metrics.
    pub(in crate::telemetry) const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
        }
    }

    /// One piece of it, and several.
    pub(super) const fn pieces(self) -> &'static str {
        match self {
            Self::Traces => "spans",
        }
    }
}
