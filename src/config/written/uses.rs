//! What a product allows beside deployments.

use serde::Deserialize;
use serde_saphyr::Spanned;

/// A tool: by its name, or with the addresses or ids that may be used with it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Tool {
    WebSearch,
    CodeInterpreter,
    ImageGeneration,
    ComputerUse,
    LocalShell,
    Shell,
    ApplyPatch,
    Mcp(Spanned<Vec<Spanned<String>>>),
    FileSearch(Spanned<Vec<Spanned<String>>>),
}

/// An index of Azure AI Search.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct DataSource {
    pub(in crate::config) endpoint: Spanned<String>,
    pub(in crate::config) index: Spanned<String>,
    pub(in crate::config) embedding_deployment: Option<Spanned<String>>,
}
