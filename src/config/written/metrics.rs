//! `metrics`: how much they tell apart.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::spanned::Spanned;

/// How much the metrics tell apart.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Metrics {
    /// Which labels they have.
    pub(in crate::config) labels: Option<Labels>,
}

/// Which labels metrics have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Labels {
    /// Clients that have a label of their own; 0: none.
    pub(in crate::config) max_clients: Option<usize>,
    /// Series of each metric of requests.
    pub(in crate::config) max_series: Option<Spanned<usize>>,
}
