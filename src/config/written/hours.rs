//! The `hours` of a product.

use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Hours {
    pub(in crate::config) days: Option<Spanned<Vec<Day>>>,
    pub(in crate::config) from: Option<Spanned<String>>,
    pub(in crate::config) until: Option<Spanned<String>>,
    pub(in crate::config) offset: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
