//! `backends`.

use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Backend {
    pub(in crate::config) name: Spanned<String>,
}
