//! Reports: sums of the ledger by what people ask for.

mod flat;
mod key;
mod question;
mod reconcile;
mod rows;

pub use flat::share_monthly;
pub use key::{By, NotADimension, labels_of, month_of};
pub use question::{Choice, NotAChoice, Question};
pub(crate) use reconcile::RECONCILED_BY;
pub use reconcile::{AzureTokens, AzureUsage, Difference, ReconcileError, differences};
pub use rows::{Report, ReportRow};
