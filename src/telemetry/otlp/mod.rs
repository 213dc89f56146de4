//! OpenTelemetry's protocol (OTLP): where telemetry goes, and what becomes of it. Off unless the `OTEL_*`
//! variables ask for it; docs/observability.md lists them.

mod batching;
mod client;
mod delivery;
mod destination;
mod environment;
mod exporter;
mod failure;
mod list;
mod resource;
mod signal;

pub use delivery::Delivery;
pub use environment::Environment;

pub(super) use batching::Batching;
pub(super) use client::Client;
pub(super) use destination::{Destination, Protocol};
pub(super) use resource::resource;
pub(super) use signal::Signal;

#[cfg(test)]
pub(super) use environment::testing;
