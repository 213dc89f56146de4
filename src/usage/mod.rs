//! The meter, estimates and the usage record of a request.

mod batch_lines;
mod collector_state;
mod course;
mod estimate;
mod failing;
mod found;
mod json_probe;
mod key_usage;
mod ledger;
mod log;
mod log_trial;
mod media;
mod meter;
mod outcome;
mod price;
mod reasoning;
mod record;
mod record_id;
mod report;
mod shown_ids;
mod sse;
/// The ledger's tables.
pub(crate) mod store;
mod text;
mod tokens;
mod trace;
mod units;

pub use batch_lines::{BatchLineUsage, BatchLines};
pub use collector_state::{Collected, CollectorState, CollectorStatus};
pub(crate) use estimate::tokens_of_bytes;
pub use estimate::{EstimateInput, Prompt, Thinking, estimate};
pub use key_usage::KeyUsage;
pub use ledger::{
    Durability, Ledger, LedgerOptions, LedgerState, LedgerStatus, LedgerWriter, OnFailure, Outbox,
    Receipt, Retention, Unwritable, load_owners,
};
pub use log_trial::LogTrial;
pub use media::probe_media;
pub use meter::{BodyFormat, Meter, Metered, Released};
pub use outcome::{FinishReason, Outcome};
pub use price::{
    Amount, Cost, NotAnAmount, Price, PriceFor, PriceList, Prices, Quantities, Served, Tariff,
};
pub use reasoning::{Rate, ReasoningRates, Thought};
pub use record::{EstimateReason, NoneReason, UsageRecord, UsageSource};
pub use record_id::{NoRandom, RecordId};
pub(crate) use report::RECONCILED_BY;
pub use report::{
    AzureFiles, AzureTokens, AzureUsage, By, Choice, Difference, MAX_AZURE_BYTES, NotAChoice,
    NotADimension, Question, ReconcileError, Report, ReportRow, differences, labels_of, month_of,
    priced_sums,
};
pub(crate) use sse::data_of_events;
pub use store::{
    Dimension, KeyUse, KeyUses, LEDGER, LedgerRow, NotCopied, ObjectRow, Only, Period, Position,
    SHARED, Sum, UsageStore, Used, rfc3339,
};
pub use tokens::TokenCounts;
pub use trace::{TraceId, TraceParent};
pub use units::Units;

#[cfg(test)]
mod meter_tests;
#[cfg(test)]
mod stream_tests;
