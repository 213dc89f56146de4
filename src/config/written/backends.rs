//! `backends`, and `background`: what the gateway asks them for itself.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Backend {
    pub(in crate::config) name: Spanned<String>,
    pub(in crate::config) endpoint: Option<Spanned<String>>,
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Background {
    pub(in crate::config) poll_every: Option<Spanned<String>>,
    pub(in crate::config) poll_batches_every: Option<Spanned<String>>,
    pub(in crate::config) max_per_client: Option<Spanned<usize>>,
}
