//! The log and the audit log for a collector, besides standard error and output. Off unless the environment asks for
//! it by name: lines of the audit log say who asks, so an endpoint that was set for spans and metrics is not enough.
//!
//! Records are as OpenTelemetry's data model has them
//! (<https://opentelemetry.io/docs/specs/otel/logs/data-model/>).

mod audit;
mod export;
mod value;

use std::sync::Arc;

use opentelemetry::logs::LoggerProvider;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};

use super::audit::AlsoTo;
use super::otlp::{Delivery, Destination, Environment, Signal, resource};

/// The scope of the audit log's records. Others have the module that says them.
const AUDIT: &str = "tollgate.audit";

/// What sends logs.
pub struct LogExport {
    provider: SdkLoggerProvider,
    delivery: Arc<Delivery>,
}

impl LogExport {
    /// Starts to send, if the environment asks for it, on the runtime that it is called in.
    ///
    /// # Errors
    /// What is wrong with a variable, in words.
    pub fn start(environment: &Environment) -> Result<Option<Self>, String> {
        let Some(destination) = Destination::read(environment, Signal::Logs)? else {
            return Ok(None);
        };
        let (processor, delivery) = export::processor(environment, &destination)?;
        let provider = SdkLoggerProvider::builder()
            .with_resource(resource(environment)?)
            .with_log_processor(processor)
            .build();
        destination.announce();
        Ok(Some(Self { provider, delivery }))
    }

    /// What becomes of the records.
    pub fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// Takes lines of the log.
    pub fn lines(&self) -> SdkLogger {
        self.provider.logger("tollgate")
    }

    /// Takes lines of the audit log.
    pub fn audit(&self) -> AlsoTo {
        let logger = self.provider.logger(AUDIT);
        AlsoTo::new(move |entry, line| audit::emit(&logger, entry, line))
    }

    /// Sends what waits, and ends. It blocks for some seconds at most: not for a thread that serves.
    pub fn finish(&self) {
        if self.provider.shutdown().is_err() {
            tracing::warn!("the last records of the log could not be sent");
        }
    }
}

#[cfg(test)]
mod tests;
