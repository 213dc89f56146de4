//! Reports: sums of the ledger by what people ask for.

mod azure;
mod flat;
mod key;
mod priced;
mod question;
mod reconcile;
mod rows;

pub use azure::{AzureFiles, AzureTokens, AzureUsage, MAX_AZURE_BYTES, ReconcileError};
pub use key::{By, NotADimension, labels_of, month_of};
pub use priced::priced_sums;
pub use question::{Choice, NotAChoice, Question};
pub(crate) use reconcile::RECONCILED_BY;
pub use reconcile::{Difference, differences};
pub use rows::{Report, ReportRow};
