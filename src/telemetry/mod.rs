//! Metrics, traces, the audit log, and the service's own log.

mod alarms;
mod audit;
mod content_log;
mod conventions;
mod log;
mod log_export;
mod log_file;
mod lost;
mod metrics;
mod otlp;
mod recent;
mod spans;
mod trace;

pub use alarms::log_alarms;
pub use audit::{AlsoTo, AuditLog, AuditWriter, Refused, RequestContext, recomputed_line};
pub use content_log::{ContentLog, ContentWriter};
pub use log::{LogFormat, LogHandle, init as init_log};
pub use log_export::LogExport;
pub use log_file::LogFile;
pub use metrics::{LabelLimits, Metrics, Push};
pub use otlp::{Delivery, Environment};
pub use recent::{RecentRefusal, RecentRefusals};
pub(crate) use spans::{allowed as span_allowed, ended as span_ended, refused as span_refused};
pub(crate) use trace::{Entered, during as during_trace, enter as enter_trace};
pub use trace::{Parent, Span, TracePoint, Traces};
