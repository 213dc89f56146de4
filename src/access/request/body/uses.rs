//! What a body asks for besides the model: hosted tools, data of the operator's, work in the background.
//!
//! The service does all of it with the identity of the resource, so a product says which of it a client
//! may ask for. Functions and custom tools are the caller's own business: the service only writes their
//! arguments.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// A tool that the service runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostedTool {
    /// `type`
    pub kind: String,
    /// `server_url` of an MCP server.
    pub server_url: Option<String>,
    /// `vector_store_ids` of a search of files.
    pub vector_stores: Vec<String>,
    /// `model` that makes images.
    pub model: Option<String>,
}

/// A source of Azure OpenAI On Your Data
/// (<https://learn.microsoft.com/azure/ai-services/openai/references/azure-search>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource {
    /// The endpoint of the search service.
    pub endpoint: String,
    /// The index.
    pub index: String,
    /// The deployment that makes embeddings of the question.
    pub embedding_deployment: Option<String>,
}

/// What a body asks for besides the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Tools that the service runs.
    pub tools: Vec<HostedTool>,
    /// Sources of data.
    pub data_sources: Vec<DataSource>,
    /// Whether the answer is made in the background.
    pub background: bool,
    /// Whether the service won't say what the answer costs.
    pub unreported_usage: bool,
}

impl Uses {
    /// Whether there is nothing that a product would have to allow.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
            && self.data_sources.is_empty()
            && !self.background
            && !self.unreported_usage
    }
}

/// `data_sources` as they are written; a member that is not known could name anything.
#[derive(Deserialize)]
#[serde(tag = "type", content = "parameters", deny_unknown_fields)]
pub(super) enum WrittenDataSource {
    #[serde(rename = "azure_search")]
    AzureSearch(Box<AzureSearch>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AzureSearch {
    endpoint: String,
    index_name: String,
    embedding_dependency: Option<EmbeddingDependency>,
    #[serde(rename = "authentication")]
    _authentication: Option<Authentication>,
    #[serde(rename = "allow_partial_result")]
    _allow_partial_result: Option<IgnoredAny>,
    #[serde(rename = "fields_mapping")]
    _fields_mapping: Option<IgnoredAny>,
    #[serde(rename = "filter")]
    _filter: Option<IgnoredAny>,
    #[serde(rename = "in_scope")]
    _in_scope: Option<IgnoredAny>,
    #[serde(rename = "include_contexts")]
    _include_contexts: Option<IgnoredAny>,
    #[serde(rename = "max_search_queries")]
    _max_search_queries: Option<IgnoredAny>,
    #[serde(rename = "query_type")]
    _query_type: Option<IgnoredAny>,
    #[serde(rename = "role_information")]
    _role_information: Option<IgnoredAny>,
    #[serde(rename = "semantic_configuration")]
    _semantic_configuration: Option<IgnoredAny>,
    #[serde(rename = "strictness")]
    _strictness: Option<IgnoredAny>,
    #[serde(rename = "top_n_documents")]
    _top_n_documents: Option<IgnoredAny>,
}

/// A deployment of the resource's own; any other way would name another service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmbeddingDependency {
    #[serde(rename = "type")]
    _kind: DeploymentName,
    deployment_name: String,
    #[serde(rename = "dimensions")]
    _dimensions: Option<IgnoredAny>,
}

#[derive(Deserialize)]
enum DeploymentName {
    #[serde(rename = "deployment_name")]
    DeploymentName,
}

/// The resource's identity, or what the caller itself knows; no other identity by its id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Authentication {
    #[serde(rename = "type")]
    _kind: AuthenticationKind,
    #[serde(rename = "key")]
    _key: Option<IgnoredAny>,
    #[serde(rename = "access_token")]
    _access_token: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuthenticationKind {
    SystemAssignedManagedIdentity,
    ApiKey,
    AccessToken,
}

impl From<WrittenDataSource> for DataSource {
    fn from(written: WrittenDataSource) -> Self {
        let WrittenDataSource::AzureSearch(search) = written;
        Self {
            endpoint: search.endpoint,
            index: search.index_name,
            embedding_deployment: search.embedding_dependency.map(|it| it.deployment_name),
        }
    }
}
