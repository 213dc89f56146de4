//! The gateway's identity: what is written, and what it means.

use std::path::Path;

use super::spanned::Spanned;

use super::problem::Problem;
use super::problems::Problems;
use super::secret::read_secret;
use super::{IdentityConfig, IdentitySource, ManagedIdentity, written};

/// Azure OpenAI in Azure's public cloud; others: <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>.
const DEFAULT_SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// Reads an identity, whose tokens are for `usual_scope` where it says nothing else.
pub(super) fn identity_for(
    usual_scope: &str,
    written: &Spanned<written::Identity>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<IdentityConfig> {
    let identity = &written.value;
    if let Some(scope) = &identity.scope
        && !(scope.value.starts_with("https://") && scope.value.ends_with("/.default"))
    {
        let message = "a scope must be an https URL that ends in `/.default`";
        let help = format!("the usual one here is {usual_scope}");
        problems.push(Problem::at(scope.referenced, message).help(help));
    }
    let scope = identity.scope.as_ref().map(|it| it.value.as_str());
    let source = match (
        &identity.managed_identity,
        &identity.workload_identity,
        &identity.client_secret,
    ) {
        (Some(managed), None, None) => managed_identity(managed, problems)?,
        (None, Some(workload), None) => IdentitySource::WorkloadIdentity {
            tenant_id: workload.tenant_id.clone(),
            client_id: workload.client_id.clone(),
            token_file: workload
                .token_file
                .as_ref()
                .map(|file| directory.join(file)),
        },
        (None, None, Some(application)) => client_secret(application, directory, problems)?,
        _ => {
            let message = "exactly one of `managed_identity`, `workload_identity` and `client_secret` must be set";
            problems.push(Problem::at(written.referenced, message));
            return None;
        }
    };
    Some(IdentityConfig {
        source,
        scope: scope.unwrap_or(usual_scope).to_owned(),
    })
}

/// Reads an identity towards Azure OpenAI.
pub(super) fn identity(
    written: &Spanned<written::Identity>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<IdentityConfig> {
    identity_for(DEFAULT_SCOPE, written, directory, problems)
}

fn managed_identity(
    managed: &Spanned<written::ManagedIdentity>,
    problems: &mut Problems,
) -> Option<IdentitySource> {
    let written::ManagedIdentity {
        client_id,
        object_id,
        resource_id,
    } = &managed.value;
    let which = match (client_id, object_id, resource_id) {
        (None, None, None) => ManagedIdentity::SystemAssigned,
        (Some(id), None, None) => ManagedIdentity::ClientId(id.clone()),
        (None, Some(id), None) => ManagedIdentity::ObjectId(id.clone()),
        (None, None, Some(id)) => ManagedIdentity::ResourceId(id.clone()),
        _ => {
            let message = "a user-assigned identity must be named by only one of `client_id`, `object_id` and `resource_id`";
            problems.push(Problem::at(managed.referenced, message));
            return None;
        }
    };
    Some(IdentitySource::ManagedIdentity(which))
}

fn client_secret(
    application: &written::ClientSecret,
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
        tenant_id: application.tenant_id.value.clone(),
        client_id: application.client_id.value.clone(),
        secret,
    })
}
