//! The `hours` of a product.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::spanned::Spanned;

/// When a product may be used.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Hours {
    /// The days; all if absent.
    pub(in crate::config) days: Option<Spanned<Vec<Day>>>,
    /// When the window opens, such as `"07:00"`; `00:00` if absent.
    pub(in crate::config) from: Option<Spanned<String>>,
    /// When it closes, such as `"19:00"`; `24:00` if absent. Before `from`: on the next day.
    pub(in crate::config) until: Option<Spanned<String>>,
    /// The offset from UTC, such as `"+01:00"`: fixed, without summer time.
    pub(in crate::config) offset: Option<Spanned<String>>,
}

/// A day of the week.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
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
