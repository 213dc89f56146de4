//! What a product allows beside deployments, as it is product.

use super::spanned::Spanned;

use super::problem::Problem;
use super::problems::{Problems, not_empty};
use super::written::{Product, Tool};
use crate::access::{AllowedUses, DataSource, Deployment, Operation, ToolKind};

pub(super) fn uses(product: &Product, problems: &mut Problems) -> AllowedUses {
    let mut allowed = AllowedUses {
        background: product.background,
        require_reported_usage: requires_reported_usage(product, problems),
        ..AllowedUses::default()
    };
    for tool in &product.tools {
        let kind = match &tool.value {
            Tool::WebSearch => ToolKind::WebSearch,
            Tool::CodeInterpreter => ToolKind::CodeInterpreter,
            Tool::ImageGeneration => ToolKind::ImageGeneration,
            Tool::ComputerUse => ToolKind::ComputerUse,
            Tool::LocalShell => ToolKind::LocalShell,
            Tool::Shell => ToolKind::Shell,
            Tool::ApplyPatch => ToolKind::ApplyPatch,
            Tool::Mcp(servers) => {
                not_empty("mcp", servers, problems);
                for server in &servers.value {
                    check_https(server, problems);
                    allowed.mcp_servers.insert(server.value.clone());
                }
                continue;
            }
            Tool::FileSearch(stores) => {
                not_empty("file_search", stores, problems);
                let ids = stores.value.iter().map(|id| id.value.clone());
                allowed.vector_stores.extend(ids);
                continue;
            }
        };
        allowed.tools.insert(kind);
    }
    for source in &product.data_sources {
        check_https(&source.endpoint, problems);
        if let Some(name) = &source.embedding_deployment
            && Deployment::parse(&name.value).is_none()
        {
            let message = format!("`{}` is not a valid deployment name", name.value);
            problems.push(Problem::at(name.referenced, message));
        }
        let name = source.embedding_deployment.as_ref();
        allowed.data_sources.push(DataSource {
            endpoint: source.endpoint.value.clone(),
            index: source.index.value.clone(),
            embedding_deployment: name.map(|name| name.value.clone()),
        });
    }
    allowed
}

fn requires_reported_usage(product: &Product, problems: &mut Problems) -> bool {
    let Some(required) = &product.require_reported_usage else {
        return false;
    };
    let mut operations = product.operations.value.iter();
    if required.value && operations.any(|it| it.value == Operation::Realtime) {
        let message = "sessions of `realtime` report no usage to the gateway";
        let help = "remove `realtime` from `operations`, or `require_reported_usage`";
        problems.push(Problem::at(required.referenced, message).help(help));
    }
    required.value
}

/// Requests must write it to the letter, so it is not normalised here.
fn check_https(url: &Spanned<String>, problems: &mut Problems) {
    let has_host = url
        .value
        .strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !has_host {
        let message = format!("`{}` is not an https URL", url.value);
        let help = "write it as requests do, such as https://mcp.example.com/sse: it is compared to the letter";
        problems.push(Problem::at(url.referenced, message).help(help));
    }
}
