//! Metrics, the audit log, and the service's own log.

mod audit;
mod log;
mod metrics;

pub use audit::{AuditLog, AuditWriter, Refused, RequestContext};
pub use log::{LogFormat, init as init_log};
pub use metrics::Metrics;
