//! `decisions`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretRef;
use crate::config::spanned::Spanned;

/// How decisions travel from one replica to another.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Decisions {
    /// Keys that all replicas have, each 32 random bytes in base64: the first seals, each of them opens.
    #[schemars(length(min = 1, max = 2))]
    pub(in crate::config) keys: Spanned<Vec<Spanned<SecretRef>>>,
}
