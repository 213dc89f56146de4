//! What other programs are told, as CloudEvents over HTTP: records of usage, and thresholds of quotas.

mod cloud_event;
mod collector;
mod outbox;
mod threshold;

pub use cloud_event::{CloudEvent, Head};
pub use collector::{BadTarget, Collector, Failure, Target};
pub use outbox::{Outbox, OutboxState};
pub use threshold::Thresholds;
