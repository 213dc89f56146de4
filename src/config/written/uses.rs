//! What a product allows beside deployments.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::spanned::Spanned;

/// A tool: by its name, or with the addresses or ids that may be used with it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Tool {
    WebSearch,
    CodeInterpreter,
    ImageGeneration,
    ComputerUse,
    LocalShell,
    Shell,
    ApplyPatch,
    /// The servers that may be used, compared to the letter.
    Mcp(Spanned<Vec<Spanned<String>>>),
    /// The vector stores that may be used.
    FileSearch(Spanned<Vec<Spanned<String>>>),
}

/// An index of Azure AI Search.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct DataSource {
    /// The address of the search service, as requests write it.
    pub(in crate::config) endpoint: Spanned<String>,
    /// The name of the index.
    pub(in crate::config) index: Spanned<String>,
    /// The deployment that embeds questions, if there is one.
    pub(in crate::config) embedding_deployment: Option<Spanned<String>>,
}
