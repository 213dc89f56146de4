//! `products`.

use std::collections::HashMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::backends::Pins;
use super::hours::Hours;
use super::limits::{Limits, Queue};
use super::requires::Requires;
use super::uses::{DataSource, Tool};
use crate::access::Operation;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Product {
    pub(in crate::config) id: Spanned<String>,
    pub(in crate::config) deployments: Spanned<Vec<Spanned<String>>>,
    pub(in crate::config) operations: Spanned<Vec<Spanned<Operation>>>,
    #[serde(default)]
    pub(in crate::config) requires: Requires,
    #[serde(default)]
    pub(in crate::config) operation_requires: HashMap<Operation, Spanned<Requires>>,
    pub(in crate::config) networks: Option<Spanned<Vec<Spanned<String>>>>,
    pub(in crate::config) hours: Option<Spanned<Hours>>,
    #[serde(default)]
    pub(in crate::config) strict_model: bool,
    #[serde(default)]
    pub(in crate::config) tools: Vec<Spanned<Tool>>,
    #[serde(default)]
    pub(in crate::config) data_sources: Vec<DataSource>,
    #[serde(default)]
    pub(in crate::config) background: bool,
    pub(in crate::config) require_reported_usage: Option<Spanned<bool>>,
    pub(in crate::config) limits: Option<Limits>,
    pub(in crate::config) queue: Option<Queue>,
    pub(in crate::config) backends: Option<Spanned<Pins>>,
    #[serde(default)]
    pub(in crate::config) reveal_backend: bool,
}
