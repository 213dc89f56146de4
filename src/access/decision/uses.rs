//! What a product allows besides deployments: hosted tools, sources of data, answers in the background.
//! The default is nothing of it.

use std::collections::HashSet;

use super::Deployments;
use crate::access::request::{DataSource, Deployment, HostedTool, Uses};

/// A tool that the service runs, by the word that the configuration has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolKind {
    /// A search of the web.
    WebSearch,
    /// Code that is run in a container of the service.
    CodeInterpreter,
    /// Images that the answer needs.
    ImageGeneration,
    /// A computer that the caller operates as it is told.
    ComputerUse,
    /// A shell of the caller's.
    LocalShell,
    /// A shell in a container of the service.
    Shell,
    /// Changes of files of the caller's.
    ApplyPatch,
}

impl ToolKind {
    /// Every kind, in the order in which messages list them.
    pub const ALL: [Self; 7] = [
        Self::WebSearch,
        Self::CodeInterpreter,
        Self::ImageGeneration,
        Self::ComputerUse,
        Self::LocalShell,
        Self::Shell,
        Self::ApplyPatch,
    ];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebSearch => "web_search",
            Self::CodeInterpreter => "code_interpreter",
            Self::ImageGeneration => "image_generation",
            Self::ComputerUse => "computer_use",
            Self::LocalShell => "local_shell",
            Self::Shell => "shell",
            Self::ApplyPatch => "apply_patch",
        }
    }

    /// The kind that a request's `type` names; previews and dated versions are of the same kind.
    fn of_type(kind: &str) -> Option<Self> {
        match kind {
            "web_search"
            | "web_search_2025_08_26"
            | "web_search_preview"
            | "web_search_preview_2025_03_11" => Some(Self::WebSearch),
            "computer" | "computer_use" | "computer_use_preview" => Some(Self::ComputerUse),
            other => Self::ALL.into_iter().find(|kind| kind.as_str() == other),
        }
    }
}

/// What a product allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedUses {
    /// Tools without an address or an id of their own.
    pub tools: HashSet<ToolKind>,
    /// Addresses of MCP servers, to the letter.
    pub mcp_servers: HashSet<String>,
    /// Ids of vector stores that may be searched.
    pub vector_stores: HashSet<String>,
    /// Sources of data.
    pub data_sources: Vec<DataSource>,
    /// Whether answers may be made in the background.
    pub background: bool,
    /// Whether the service must say what an answer costs.
    pub require_reported_usage: bool,
}

/// What a product does not allow, by its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UseNotAllowed {
    /// A tool.
    #[error("the tool {0}")]
    Tool(String),
    /// A source of data.
    #[error("the data source {0}")]
    DataSource(String),
    /// An answer in the background.
    #[error("answers in the background")]
    Background,
    /// An answer whose usage the service does not report.
    #[error("answers whose usage is not reported")]
    UnreportedUsage,
}

impl AllowedUses {
    /// Whether all that a body asks for is allowed; `deployments` are the product's.
    ///
    /// # Errors
    /// The first thing that is not.
    pub fn check(&self, uses: &Uses, deployments: &Deployments) -> Result<(), UseNotAllowed> {
        for tool in &uses.tools {
            self.check_tool(tool, deployments)
                .map_err(UseNotAllowed::Tool)?;
        }
        for source in &uses.data_sources {
            if !self.data_sources.contains(source) {
                let DataSource {
                    endpoint,
                    index,
                    embedding_deployment,
                } = source;
                let embedding = embedding_deployment
                    .as_ref()
                    .map_or(String::new(), |name| format!(" with embeddings of {name}"));
                let name = format!("index {index} of {endpoint}{embedding}");
                return Err(UseNotAllowed::DataSource(name));
            }
        }
        if uses.background && !self.background {
            return Err(UseNotAllowed::Background);
        }
        match uses.unreported_usage && self.require_reported_usage {
            true => Err(UseNotAllowed::UnreportedUsage),
            false => Ok(()),
        }
    }

    fn check_tool(&self, tool: &HostedTool, deployments: &Deployments) -> Result<(), String> {
        let HostedTool {
            kind,
            server_url,
            vector_stores,
            model,
        } = tool;
        let is_allowed = match kind.as_str() {
            "mcp" => {
                let server = server_url.as_deref().unwrap_or("no server_url");
                return match self.mcp_servers.contains(server) {
                    true => Ok(()),
                    false => Err(format!("mcp ({server})")),
                };
            }
            "file_search" => {
                let other = vector_stores
                    .iter()
                    .find(|id| !self.vector_stores.contains(*id));
                return match other {
                    Some(id) => Err(format!("file_search ({id})")),
                    None if vector_stores.is_empty() => Err("file_search".to_owned()),
                    None => Ok(()),
                };
            }
            other => ToolKind::of_type(other).is_some_and(|kind| self.tools.contains(&kind)),
        };
        // A tool can name the deployment that makes its images.
        let may_use =
            |name: &String| Deployment::parse(name).is_some_and(|name| deployments.contains(&name));
        let is_plain = server_url.is_none() && vector_stores.is_empty();
        match (is_allowed && is_plain, model) {
            (true, None) => Ok(()),
            (true, Some(model)) if may_use(model) => Ok(()),
            (true, Some(model)) => Err(format!("{kind} with the model {model}")),
            (false, _) => Err(kind.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Operation, RequestBody};

    fn denied(allowed: &AllowedUses, operation: Operation, body: &str) -> Option<UseNotAllowed> {
        let body = RequestBody::read(operation, body.as_bytes()).expect("a body");
        let mut deployments = Deployments::default();
        deployments.add("gpt-image-1").expect("a name");
        allowed.check(&body.uses, &deployments).err()
    }

    fn tool(allowed: &AllowedUses, tool: &str) -> Option<String> {
        let body = format!(r#"{{"tools":[{tool}]}}"#);
        match denied(allowed, Operation::Responses, &body) {
            Some(UseNotAllowed::Tool(name)) => Some(name),
            None => None,
            other => panic!("{tool}: {other:?}"),
        }
    }

    #[test]
    fn functions_always_pass_and_every_other_tool_by_name_only() {
        let nothing = AllowedUses::default();
        for own in [
            r#"{"type":"function","name":"f","parameters":{"type":"object"}}"#,
            r#"{"type":"custom","name":"f"}"#,
        ] {
            assert_eq!(tool(&nothing, own), None, "{own}");
        }
        let everything = AllowedUses {
            tools: ToolKind::ALL.into_iter().collect(),
            ..AllowedUses::default()
        };
        for (kind, is_known) in [
            ("web_search", true),
            ("web_search_preview", true),
            ("computer_use_preview", true),
            ("code_interpreter", true),
            ("image_generation", true),
            ("bing_grounding", false),
            ("azure_ai_search", false),
            ("a_new_kind", false),
            ("Function", false),
        ] {
            let written = format!(r#"{{"type":"{kind}"}}"#);
            assert_eq!(tool(&nothing, &written).as_deref(), Some(kind));
            assert_eq!(tool(&everything, &written).is_none(), is_known, "{kind}");
        }
    }

    #[test]
    fn servers_stores_and_models_are_allowed_to_the_letter() {
        let allowed = AllowedUses {
            tools: [ToolKind::ImageGeneration].into(),
            mcp_servers: ["https://mcp.example.com/sse".to_owned()].into(),
            vector_stores: ["vs_1".to_owned()].into(),
            ..AllowedUses::default()
        };
        for good in [
            r#"{"type":"mcp","server_label":"x","server_url":"https://mcp.example.com/sse"}"#,
            r#"{"type":"file_search","vector_store_ids":["vs_1"]}"#,
            r#"{"type":"image_generation","model":"gpt-image-1"}"#,
        ] {
            assert_eq!(tool(&allowed, good), None, "{good}");
        }
        for bad in [
            r#"{"type":"mcp","server_url":"https://mcp.example.com/sse/"}"#,
            r#"{"type":"mcp","server_url":"https://mcp.example.com.evil.example/sse"}"#,
            r#"{"type":"mcp","server_label":"x"}"#,
            r#"{"type":"file_search","vector_store_ids":["vs_1","vs_2"]}"#,
            r#"{"type":"file_search"}"#,
            r#"{"type":"image_generation","model":"dall-e-3"}"#,
            r#"{"type":"image_generation","server_url":"https://mcp.example.com/sse"}"#,
        ] {
            assert!(tool(&allowed, bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_source_of_data_is_allowed_whole() {
        let source = |index: &str, rest: &str| {
            format!(
                r#"{{"messages":[],"data_sources":[{{"type":"azure_search","parameters":{{"endpoint":"https://s.example","index_name":"{index}"{rest}}}}}]}}"#
            )
        };
        let allowed = AllowedUses {
            data_sources: vec![DataSource {
                endpoint: "https://s.example".to_owned(),
                index: "docs".to_owned(),
                embedding_deployment: Some("ada".to_owned()),
            }],
            ..AllowedUses::default()
        };
        let denied = |body: &str| denied(&allowed, Operation::ChatCompletions, body);
        let ada = r#","embedding_dependency":{"type":"deployment_name","deployment_name":"ada"}"#;
        assert_eq!(denied(&source("docs", ada)), None);
        let other = ada.replace("ada", "other");
        for body in [
            source("docs", ""),
            source("salaries", ada),
            source("docs", &other),
        ] {
            let refused = denied(&body);
            assert!(
                matches!(refused, Some(UseNotAllowed::DataSource(_))),
                "{body}"
            );
        }
        for unknown in [
            r#","embedding_dependency":{"type":"endpoint","endpoint":"https://e.example"}"#,
            r#","authentication":{"type":"user_assigned_managed_identity","managed_identity_resource_id":"/x"}"#,
            r#","new_member":1"#,
            r#","index_name":"salaries""#,
        ] {
            let body = source("docs", unknown);
            let read = RequestBody::read(Operation::ChatCompletions, body.as_bytes());
            assert!(read.is_err(), "{body}");
        }
        let kind = source("docs", ada).replace("azure_search", "pinecone");
        assert!(RequestBody::read(Operation::ChatCompletions, kind.as_bytes()).is_err());
    }

    #[test]
    fn the_background_is_allowed_by_name() {
        let body = r#"{"model":"a","input":"x","background":true}"#;
        let refused = denied(&AllowedUses::default(), Operation::Responses, body);
        assert_eq!(refused, Some(UseNotAllowed::Background));
        let allowed = AllowedUses {
            background: true,
            ..AllowedUses::default()
        };
        assert_eq!(denied(&allowed, Operation::Responses, body), None);
        let foreground = body.replace("true", "false");
        assert_eq!(
            denied(&AllowedUses::default(), Operation::Responses, &foreground),
            None
        );
    }
}
