//! The gateway's identity: what is written, and what it means.

use std::path::Path;

use super::spanned::Spanned;

use super::problem::Problem;
use super::problems::Problems;
use super::secret::read_secret;
use super::{IdentityConfig, IdentitySource, ManagedIdentity, written};

/// Azure OpenAI in Azure's public cloud; others: <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>.
const DEFAULT_SCOPE: &str = "https://cognitiveservices.azure.com/.default";

pub(super) fn identity(
    identity: Spanned<written::Identity>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<IdentityConfig> {
    let at = identity.referenced;
    let identity = identity.value;
    let scope = match identity.scope {
        None => DEFAULT_SCOPE.to_owned(),
        Some(scope) => {
            if !(scope.value.starts_with("https://") && scope.value.ends_with("/.default")) {
                let message = "a scope must be an https URL that ends in `/.default`";
                problems.push(
                    Problem::at(scope.referenced, message)
                        .help(format!("Azure OpenAI's is {DEFAULT_SCOPE}")),
                );
            }
            scope.value
        }
    };
    let source = match (
        identity.managed_identity,
        identity.workload_identity,
        identity.client_secret,
    ) {
        (Some(managed), None, None) => managed_identity(managed, problems)?,
        (None, Some(workload), None) => IdentitySource::WorkloadIdentity {
            tenant_id: workload.tenant_id,
            client_id: workload.client_id,
            token_file: workload.token_file.map(|file| directory.join(file)),
        },
        (None, None, Some(application)) => client_secret(application, directory, problems)?,
        _ => {
            let message = "exactly one of `managed_identity`, `workload_identity` and `client_secret` must be set";
            problems.push(Problem::at(at, message));
            return None;
        }
    };
    Some(IdentityConfig { source, scope })
}

fn managed_identity(
    managed: Spanned<written::ManagedIdentity>,
    problems: &mut Problems,
) -> Option<IdentitySource> {
    let written::ManagedIdentity {
        client_id,
        object_id,
        resource_id,
    } = managed.value;
    let which = match (client_id, object_id, resource_id) {
        (None, None, None) => ManagedIdentity::SystemAssigned,
        (Some(id), None, None) => ManagedIdentity::ClientId(id),
        (None, Some(id), None) => ManagedIdentity::ObjectId(id),
        (None, None, Some(id)) => ManagedIdentity::ResourceId(id),
        _ => {
            let message = "a user-assigned identity must be named by only one of `client_id`, `object_id` and `resource_id`";
            problems.push(Problem::at(managed.referenced, message));
            return None;
        }
    };
    Some(IdentitySource::ManagedIdentity(which))
}

fn client_secret(
    application: written::ClientSecret,
    directory: &Path,
    problems: &mut Problems,
) -> Option<IdentitySource> {
    let at = application.secret.referenced;
    for id in [&application.tenant_id, &application.client_id] {
        if id.value.is_empty() {
            problems.push(Problem::at(id.referenced, "this id is empty"));
        }
    }
    let secret = read_secret(&application.secret.value, directory)
        .map_err(|message| problems.push(Problem::at(at, message)))
        .ok()?;
    Some(IdentitySource::ClientSecret {
        tenant_id: application.tenant_id.value,
        client_id: application.client_id.value,
        secret,
    })
}
