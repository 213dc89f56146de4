//! The threads that write the audit log, and the content log where there is one.

use std::io;

use crate::gateway::Gateway;
use crate::telemetry::{
    AlsoTo, AuditLog, AuditWriter, ContentLog, ContentWriter, LogFile, Metrics,
};

/// The threads.
pub(super) struct Writers {
    audit: AuditWriter,
    content: Option<ContentWriter>,
}

impl Writers {
    /// Starts them.
    ///
    /// # Errors
    /// Which log can't be written, and why.
    pub(super) fn start(
        audit: Option<LogFile>,
        content: Option<LogFile>,
        audit_to: Option<AlsoTo>,
    ) -> Result<(AuditLog, Option<ContentLog>, Self), String> {
        let started = AuditLog::start_with(io::stdout(), audit, audit_to);
        let (log, audit) = started.map_err(|error| format!("audit: {error}"))?;
        let started = content.map(ContentLog::start).transpose();
        let started = started.map_err(|error| format!("content_log: {error}"))?;
        let (contents, content) = started.unzip();
        Ok((log, contents, Self { audit, content }))
    }

    /// Waits until all is written.
    pub(super) fn finish(self) {
        self.audit.finish();
        if let Some(content) = self.content {
            content.finish();
        }
    }
}

/// Logs prompts and answers, where there is a log for them, and shows what is lost of it.
pub(super) fn log_contents(gateway: &mut Gateway, metrics: &Metrics, log: Option<ContentLog>) {
    if let Some(log) = log {
        metrics.observe_content(log.lost());
        gateway.log_contents(log);
    }
}
