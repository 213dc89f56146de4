//! Metrics, the audit log, and the service's own log.

mod alarms;
mod audit;
mod log;
mod metrics;

pub use alarms::log_alarms;
pub use audit::{AuditLog, AuditWriter, Refused, RequestContext, recomputed_line};
pub use log::{LogFormat, init as init_log};
pub use metrics::Metrics;
