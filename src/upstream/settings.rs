//! Where the identity's token comes from.

use std::path::PathBuf;

use secrecy::SecretString;

/// The gateway's identity towards the backends.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// Where the token comes from.
    pub source: IdentitySource,
    /// The scope to ask for.
    pub scope: String,
}

/// Where the identity's token comes from.
#[derive(Clone, Debug)]
pub enum IdentitySource {
    /// The machine's own managed identity, or a user-assigned one.
    ManagedIdentity(ManagedIdentity),
    /// A Kubernetes service account, federated with Entra ID; what is absent is read from the
    /// environment that the webhook sets (`AZURE_TENANT_ID`, …).
    WorkloadIdentity {
        /// Entra ID's tenant.
        tenant_id: Option<String>,
        /// The application.
        client_id: Option<String>,
        /// The file with the service account's token.
        token_file: Option<PathBuf>,
    },
    /// An application with a secret.
    ClientSecret {
        /// Entra ID's tenant.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// Its secret.
        secret: SecretString,
    },
}

/// Which managed identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManagedIdentity {
    /// The machine's own.
    SystemAssigned,
    /// A user-assigned one, by its client id.
    ClientId(String),
    /// A user-assigned one, by its object id.
    ObjectId(String),
    /// A user-assigned one, by its Azure resource id.
    ResourceId(String),
}
