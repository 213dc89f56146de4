//! `identity`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretRef;
use crate::config::spanned::Spanned;

/// Where the token comes from that is put on requests: exactly one source.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Identity {
    /// The machine's own identity, or a user-assigned one.
    pub(in crate::config) managed_identity: Option<Spanned<ManagedIdentity>>,
    /// A federated token of Kubernetes, as AKS provides it.
    pub(in crate::config) workload_identity: Option<WorkloadIdentity>,
    /// An app registration with a client secret.
    pub(in crate::config) client_secret: Option<ClientSecret>,
    /// The scope of the token; `https://cognitiveservices.azure.com/.default` if absent.
    pub(in crate::config) scope: Option<Spanned<String>>,
}

/// The machine's own identity, or one of `client_id`, `object_id` and `resource_id` of a user-assigned one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ManagedIdentity {
    /// The client id of a user-assigned identity.
    pub(in crate::config) client_id: Option<String>,
    /// The object id of a user-assigned identity.
    pub(in crate::config) object_id: Option<String>,
    /// The resource id of a user-assigned identity.
    pub(in crate::config) resource_id: Option<String>,
}

/// What is absent is read from the variables that AKS sets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct WorkloadIdentity {
    /// The tenant; `AZURE_TENANT_ID` if absent.
    pub(in crate::config) tenant_id: Option<String>,
    /// The client id; `AZURE_CLIENT_ID` if absent.
    pub(in crate::config) client_id: Option<String>,
    /// The file with the federated token; `AZURE_FEDERATED_TOKEN_FILE` if absent.
    pub(in crate::config) token_file: Option<PathBuf>,
}

/// An app registration, and where its secret is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ClientSecret {
    /// The tenant of the registration.
    pub(in crate::config) tenant_id: Spanned<String>,
    /// Its client id.
    pub(in crate::config) client_id: Spanned<String>,
    /// Where its secret is.
    pub(in crate::config) secret: Spanned<SecretRef>,
}
