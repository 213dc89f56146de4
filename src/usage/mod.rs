//! The meter, estimates and the usage record of a request.

mod estimate;
mod json_probe;
mod meter;
mod outcome;
mod record;
mod sse;
mod text;
mod tokens;
mod units;

pub use estimate::{EstimateInput, Prompt, estimate};
pub use meter::{BodyFormat, Meter, Metered, Released};
pub use outcome::{FinishReason, Outcome};
pub use record::{EstimateReason, NoneReason, UsageRecord, UsageSource};
pub use tokens::TokenCounts;
pub use units::Units;

#[cfg(test)]
mod meter_tests;
#[cfg(test)]
mod stream_tests;
