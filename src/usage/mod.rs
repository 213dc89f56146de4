//! The meter, estimates and the usage record of a request.

mod estimate;
mod json_probe;
mod meter;
mod price;
mod record;
mod sse;
mod text;
mod tokens;

pub use estimate::{EstimateInput, Prompt, estimate};
pub use meter::{BodyFormat, Meter, Metered, Released};
pub use price::{Amount, NotAnAmount, Price, PriceFor, PriceList, Prices, Quantities};
pub use record::{EstimateReason, UsageRecord, UsageSource};
pub use tokens::TokenCounts;

#[cfg(test)]
mod meter_tests;
