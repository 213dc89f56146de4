//! `identity`.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::secret::SecretRef;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Identity {
    pub(in crate::config) managed_identity: Option<Spanned<ManagedIdentity>>,
    pub(in crate::config) workload_identity: Option<WorkloadIdentity>,
    pub(in crate::config) client_secret: Option<ClientSecret>,
    pub(in crate::config) scope: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ManagedIdentity {
    pub(in crate::config) client_id: Option<String>,
    pub(in crate::config) object_id: Option<String>,
    pub(in crate::config) resource_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct WorkloadIdentity {
    pub(in crate::config) tenant_id: Option<String>,
    pub(in crate::config) client_id: Option<String>,
    pub(in crate::config) token_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ClientSecret {
    pub(in crate::config) tenant_id: Spanned<String>,
    pub(in crate::config) client_id: Spanned<String>,
    pub(in crate::config) secret: Spanned<SecretRef>,
}
