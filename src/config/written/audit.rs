//! `audit`: where the audit log is kept besides standard output.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::spanned::Spanned;

/// A file for the audit log, besides standard output.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Audit {
    /// The file, in a folder that is there.
    pub(in crate::config) file: Spanned<PathBuf>,
    /// When it is put aside, and the next one begun.
    pub(in crate::config) max_bytes: Option<Spanned<u64>>,
    /// How many older ones are kept.
    pub(in crate::config) keep: Option<Spanned<u32>>,
}
