//! What a body asks for beside the model: hosted tools, data of the operator's, work in the background.
//!
//! The service does all of it with the identity of the resource, so a product says which of it a client
//! may ask for. Functions and custom tools are the caller's own business: the service only writes their
//! arguments.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::References;
use super::key::{Key, Seen, clip};
use super::references::{Context, Walk};

/// Most tools of one request; the API allows 128.
const MAX_TOOLS: usize = 1024;
/// Members of a tool that decide something.
const MEMBERS: &[&str] = &[
    "type",
    "server_url",
    "connector_id",
    "vector_store_ids",
    "model",
    "container",
];

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

/// What a body asks for beside the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Tools that the service runs.
    pub tools: Vec<HostedTool>,
    /// Sources of data.
    pub data_sources: Vec<DataSource>,
    /// Whether the answer is made in the background.
    pub background: bool,
}

impl Uses {
    /// Whether there is nothing that a product would have to allow.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.data_sources.is_empty() && !self.background
    }
}

/// Whether a tool is run by the caller and not by the service.
fn is_callers_own(kind: &str) -> bool {
    matches!(kind, "function" | "custom")
}

/// Reads a list of tools.
pub(super) struct Tools<'a>(pub(super) &'a mut References);

impl<'de> DeserializeSeed<'de> for Tools<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tools<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tools")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut count = 0;
        while list.next_element_seed(Tool(self.0))?.is_some() {
            count += 1;
            if count > MAX_TOOLS {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_TOOLS} tools"
                )));
            }
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

struct Tool<'a>(&'a mut References);

impl<'de> DeserializeSeed<'de> for Tool<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Tool<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tool")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut tool = HostedTool::default();
        let mut seen = Seen::none_of(MEMBERS);
        while let Some(Key(name)) = map.next_key::<Key<'de>>()? {
            seen.mark(&name)?;
            match &*name {
                "type" => tool.kind = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "server_url" => tool.server_url = map.next_value()?,
                "vector_store_ids" => {
                    tool.vector_stores =
                        map.next_value::<Option<Vec<String>>>()?.unwrap_or_default();
                }
                "model" => tool.model = map.next_value()?,
                name => match Context::Tool.of_member(name) {
                    Some(context) => map.next_value_seed(Walk::new(self.0, context))?,
                    None => {
                        map.next_value::<IgnoredAny>()?;
                    }
                },
            }
        }
        // An entry of a list that a server has told of has no type; the service takes no tool without.
        if !tool.kind.is_empty() && !is_callers_own(&tool.kind) {
            tool.kind = clip(&tool.kind);
            self.0.uses.tools.push(tool);
        }
        Ok(())
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
