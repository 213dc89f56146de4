//! What is paid by the month is shared by use: each gets the part of the amount that its tokens are of
//! all tokens of that price in that month.

use std::collections::HashMap;

use super::key::month_of;
use crate::usage::store::Sum;
use crate::usage::{PriceList, Tariff};

/// Sets the cost of sums by day whose price is by the month. `all` has the tokens of the whole months,
/// by day. A month that is not over is shared by its use so far.
pub(super) fn share_monthly(sums: &mut [Sum], all: &[Sum], prices: &PriceList) {
    let mut totals: HashMap<(String, &str), i128> = HashMap::new();
    for sum in all.iter().filter(|sum| !sum.price.is_empty()) {
        let month = (month_of(sum.day), sum.price.as_str());
        *totals.entry(month).or_default() += i128::from(sum.total_tokens);
    }
    for sum in sums {
        let Some(price) = prices.by_name(&sum.price) else {
            continue;
        };
        let Tariff::Monthly(amount) = price.tariff else {
            continue;
        };
        let month = (month_of(sum.day), sum.price.as_str());
        let total = totals.get(&month).copied().unwrap_or(0);
        let share = i128::from(amount.nanos())
            .checked_mul(i128::from(sum.total_tokens))
            .and_then(|product| product.checked_div(total));
        sum.cost_nanos = share.and_then(|it| i64::try_from(it).ok()).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::usage::{Price, PriceFor};

    fn sum(day: i64, price: &str, total_tokens: i64) -> Sum {
        Sum {
            day,
            price: price.to_owned(),
            total_tokens,
            ..Sum::default()
        }
    }

    #[test]
    fn a_monthly_amount_is_shared_by_tokens_within_its_month() {
        let prices = PriceList::new([Price {
            of: PriceFor::Deployment("chat".to_owned()),
            backend: None,
            service_tier: None,
            from: SystemTime::UNIX_EPOCH,
            name: "chat".into(),
            tariff: Tariff::Monthly("1000".parse().expect("an amount")),
            currency: "USD".into(),
        }]);
        // 2026-01-31 and 2026-02-01.
        let all = [
            sum(20_484, "chat", 300),
            sum(20_484, "", 5),
            sum(20_485, "chat", 50),
        ];
        let mut mine = [
            sum(20_484, "chat", 75),
            sum(20_485, "chat", 50),
            sum(20_485, "other", 9),
        ];
        share_monthly(&mut mine, &all, &prices);
        let shares: Vec<_> = mine
            .iter()
            .map(|it| it.cost_nanos / 1_000_000_000)
            .collect();
        assert_eq!(shares, [250, 1000, 0]);
    }
}
