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

impl IdentityConfig {
    /// Whether the other one has the same tokens: for the same scope, and of the same principal, whatever proves it.
    pub fn is_same_principal(&self, other: &Self) -> bool {
        self.scope == other.scope && self.source.is_same_principal(&other.source)
    }
}

impl IdentitySource {
    fn is_same_principal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ManagedIdentity(own), Self::ManagedIdentity(other)) => own == other,
            (
                Self::WorkloadIdentity {
                    tenant_id,
                    client_id,
                    token_file: _,
                },
                Self::WorkloadIdentity {
                    tenant_id: tenant,
                    client_id: client,
                    token_file: _,
                },
            ) => (tenant_id, client_id) == (tenant, client),
            (
                Self::ClientSecret {
                    tenant_id,
                    client_id,
                    secret: _,
                },
                Self::ClientSecret {
                    tenant_id: tenant,
                    client_id: client,
                    secret: _,
                },
            ) => (tenant_id, client_id) == (tenant, client),
            _ => false,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_proof_is_no_other_principal() {
        let config = |source, scope: &str| IdentityConfig {
            source,
            scope: scope.to_owned(),
        };
        let managed =
            |id: &str| IdentitySource::ManagedIdentity(ManagedIdentity::ClientId(id.into()));
        let secret = |client: &str, secret: &str| IdentitySource::ClientSecret {
            tenant_id: "t".to_owned(),
            client_id: client.to_owned(),
            secret: SecretString::from(secret),
        };
        let workload = |client: &str, file: &str| IdentitySource::WorkloadIdentity {
            tenant_id: None,
            client_id: Some(client.to_owned()),
            token_file: Some(file.into()),
        };
        for (one, other, is_same) in [
            (managed("a"), managed("a"), true),
            (managed("a"), managed("b"), false),
            (secret("a", "old"), secret("a", "new"), true),
            (secret("a", "s"), secret("b", "s"), false),
            (workload("a", "/1"), workload("a", "/2"), true),
            (workload("a", "/1"), workload("b", "/1"), false),
            (managed("a"), workload("a", "/1"), false),
        ] {
            let (one, other) = (config(one, "s"), config(other, "s"));
            assert_eq!(one.is_same_principal(&other), is_same, "{one:?} {other:?}");
        }
        assert!(!config(managed("a"), "s").is_same_principal(&config(managed("a"), "other")));
    }
}
