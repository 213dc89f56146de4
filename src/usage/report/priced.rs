//! Sums with their costs, as every report has them.

use std::time::Duration;

use super::flat::share_monthly;
use crate::database::DatabaseError;
use crate::usage::PriceList;
use crate::usage::store::{Dimension, Only, Period, Sum, UsageStore};

/// Sums with their costs; what is paid by the month is shared by use.
///
/// # Errors
/// The database's.
pub async fn priced_sums(
    store: &UsageStore,
    prices: &PriceList,
    dimensions: &[Dimension],
    by_day: bool,
    period: Period,
    only: &[Only],
) -> Result<Vec<Sum>, DatabaseError> {
    let has_monthly = prices.has_monthly();
    let by_day = by_day || has_monthly;
    let mut sums = store.sums_of(dimensions, by_day, period, only).await?;
    if has_monthly {
        let all = store.sums(&[], true, whole_months(period)).await?;
        share_monthly(&mut sums, &all, prices);
    }
    Ok(sums)
}

/// Whole months around a period: monthly amounts are shared by their tokens.
fn whole_months(period: Period) -> Period {
    const MONTH: Duration = Duration::from_secs(31 * 86_400);
    Period {
        from: period.from.and_then(|from| from.checked_sub(MONTH)),
        to: period.to.and_then(|to| to.checked_add(MONTH)),
    }
}
