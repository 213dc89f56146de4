//! Reconciliation: the ledger compared with Azure Monitor's own count of tokens, by deployment
//! (<https://learn.microsoft.com/azure/ai-services/openai/monitor-openai-reference>).

use std::collections::{BTreeMap, BTreeSet};

use super::azure::{AzureTokens, AzureUsage};
use crate::usage::store::{Dimension, Sum};

/// A deployment's tokens on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The deployment.
    pub deployment: String,
    /// In the ledger.
    pub ledger: AzureTokens,
    /// How many of the ledger's are estimates.
    pub estimated: i64,
    /// In Azure's metrics.
    pub azure: AzureTokens,
}

impl Difference {
    /// Tokens that the ledger has more than Azure; negative where it has fewer.
    pub const fn tokens(&self) -> i64 {
        let ledger = self.ledger.input.saturating_add(self.ledger.output);
        ledger.saturating_sub(self.azure.input.saturating_add(self.azure.output))
    }

    /// The difference in thousandths of a per cent of what Azure has; `None` where it has nothing.
    pub fn per_hundred_thousand(&self) -> Option<i128> {
        let azure = i128::from(self.azure.input) + i128::from(self.azure.output);
        (i128::from(self.tokens()) * 100_000).checked_div(azure)
    }
}

/// Each deployment that either side knows.
pub fn differences(sums: &[Sum], azure: &AzureUsage) -> Vec<Difference> {
    let mut ledger: BTreeMap<&str, (AzureTokens, i64)> = BTreeMap::new();
    for sum in sums {
        let [deployment, source] = sum.keys.as_slice() else {
            continue;
        };
        let (tokens, estimated) = ledger.entry(deployment).or_default();
        tokens.input = tokens.input.saturating_add(sum.input_tokens);
        tokens.output = tokens.output.saturating_add(sum.output_tokens);
        if source == "estimated" {
            *estimated = estimated.saturating_add(sum.total_tokens);
        }
    }
    let deployments: BTreeSet<_> = ledger
        .keys()
        .copied()
        .chain(azure.keys().map(String::as_str))
        .collect();
    let difference = |deployment: &str| {
        let (tokens, estimated) = ledger.get(deployment).copied().unwrap_or_default();
        Difference {
            deployment: deployment.to_owned(),
            ledger: tokens,
            estimated,
            azure: azure.get(deployment).copied().unwrap_or_default(),
        }
    };
    let is_any = |it: &Difference| it.ledger != it.azure || it.ledger != AzureTokens::default();
    deployments
        .into_iter()
        .map(difference)
        .filter(is_any)
        .collect()
}

/// The sums that [`differences`] compares are by these.
pub(crate) const RECONCILED_BY: [Dimension; 2] = [Dimension::Deployment, Dimension::Source];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_the_ledgers_more_or_less() {
        let tokens = |input, output| AzureTokens { input, output };
        let usage = AzureUsage::from([
            ("gpt-4o".to_owned(), tokens(150, 10)),
            ("other".to_owned(), tokens(1, 2)),
        ]);
        let sum = |source: &str, input_tokens, output_tokens| Sum {
            keys: vec!["gpt-4o".to_owned(), source.to_owned()],
            input_tokens,
            output_tokens,
            total_tokens: input_tokens + output_tokens,
            ..Sum::default()
        };
        let found = differences(&[sum("reported", 100, 8), sum("estimated", 52, 2)], &usage);
        let [gpt, other] = found.as_slice() else {
            panic!("two deployments: {found:?}");
        };
        assert_eq!((gpt.tokens(), gpt.estimated), (2, 54));
        assert_eq!(gpt.per_hundred_thousand(), Some(1250));
        assert_eq!(other.tokens(), -3);
    }
}
