//! `products`.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::backends::Pins;
use super::content_log::Sampled;
use super::hours::Hours;
use super::limits::{Limits, Queue};
use super::requires::Requires;
use super::uses::{DataSource, Tool};
use crate::access::Operation;
use crate::config::spanned::Spanned;

/// What clients may do, and under which conditions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Product {
    /// Its name in metrics, logs and reports: letters, digits, `-`, `_` and `.`, at most 64.
    pub(in crate::config) id: Spanned<String>,
    /// Names of deployments, or patterns: `*` matches any run of characters.
    pub(in crate::config) deployments: Spanned<Vec<Spanned<String>>>,
    /// The APIs that may be used.
    pub(in crate::config) operations: Spanned<Vec<Spanned<Operation>>>,
    /// What a token must grant.
    #[serde(default)]
    pub(in crate::config) requires: Requires,
    /// What a token must grant for one operation, in addition.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "enum": Operation::ALL }))]
    pub(in crate::config) operation_requires: HashMap<Operation, Spanned<Requires>>,
    /// The addresses and ranges that callers must come from, such as `10.0.0.0/8`.
    pub(in crate::config) networks: Option<Spanned<Vec<Spanned<String>>>>,
    /// When it may be used.
    pub(in crate::config) hours: Option<Spanned<Hours>>,
    /// Whether a body's `model` must be the deployment in the path.
    #[serde(default)]
    pub(in crate::config) strict_model: bool,
    /// Tools that the service runs.
    #[serde(default)]
    pub(in crate::config) tools: Vec<Spanned<Tool>>,
    /// What Azure OpenAI On Your Data may read.
    #[serde(default)]
    pub(in crate::config) data_sources: Vec<DataSource>,
    /// Whether responses may be made in the background.
    #[serde(default)]
    pub(in crate::config) background: bool,
    /// Whether requests are refused that the service would not report the usage of.
    pub(in crate::config) require_reported_usage: Option<Spanned<bool>>,
    /// How much all its clients together, and each of them, may use.
    pub(in crate::config) limits: Option<Limits>,
    /// How its requests wait for room within their limits; they do not if absent.
    pub(in crate::config) queue: Option<Queue>,
    /// Which backends its requests may go to; every one if absent.
    pub(in crate::config) backends: Option<Spanned<Pins>>,
    /// Whether answers name their backend in `x-tollgate-backend`.
    #[serde(default)]
    pub(in crate::config) reveal_backend: bool,
    /// Its prompts and answers are written to the content log; they are not if absent.
    pub(in crate::config) content_log: Option<Spanned<Sampled>>,
}
