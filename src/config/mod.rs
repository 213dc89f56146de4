//! YAML in, one validated and immutable configuration out, or every reason why not.

mod authorities;
mod clients;
mod database;
mod duration;
mod file;
mod identities;
mod identity;
mod issuers;
mod ledger;
mod listen;
mod moment;
mod prices;
mod problem;
mod products;
mod secret;
mod validate;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use problem::ConfigError;
use secrecy::SecretString;

use crate::access::Client;
use crate::auth::{CertificateRing, KeyRing, Tokens};
use crate::database::PostgresUrl;
use crate::usage::{LedgerOptions, PriceList};
pub use issuers::KeyRefresh;

/// What the service runs with.
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// The identity that it puts on requests.
    pub identity: IdentityConfig,
    /// Every client, by the order of the file.
    pub clients: Vec<Arc<Client>>,
    /// Their keys.
    pub keys: KeyRing,
    /// Authorities and the identities of clients; `None` where certificates are not accepted.
    pub certificates: Option<Arc<CertificateRing>>,
    /// The issuers whose tokens are accepted.
    pub tokens: Arc<Tokens>,
    /// What keeps each issuer's keys fresh.
    pub key_refreshes: Vec<KeyRefresh>,
    /// How the ledger is kept; `None` where there is no data directory.
    pub ledger: Option<LedgerOptions>,
    /// What usage costs.
    pub prices: Arc<PriceList>,
    /// The backend's name in metrics, audit log and metadata.
    pub backend: Arc<str>,
    /// How long live streams may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// Where the files of this process are; `None`: nothing is kept on disk.
    pub data_directory: Option<PathBuf>,
    /// The PostgreSQL that replicas share; `None`: SQLite in the data directory, if there is one.
    pub database: Option<PostgresUrl>,
}

/// Where the service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// ext_authz, ext_proc and health, for Envoy alone.
    pub grpc: GrpcAddress,
    /// Health and metrics over HTTP.
    pub admin: SocketAddr,
}

/// The address of the gRPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A loopback address: whoever reaches the endpoint can ask it for the identity's token.
    Tcp(SocketAddr),
}

impl fmt::Display for GrpcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// The gateway's identity towards the backends.
#[derive(Debug)]
pub struct IdentityConfig {
    /// Where the token comes from.
    pub source: IdentitySource,
    /// The scope to ask for.
    pub scope: String,
}

/// Where the identity's token comes from.
#[derive(Debug)]
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

impl Config {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// [`ConfigError`], with file, line, column and reason of everything that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::unreadable(&name, &error))?;
        let directory = path.parent().unwrap_or_else(|| Path::new("."));
        Self::parse(&name, &text, directory)
    }

    /// Validates a text; files that it names are relative to `directory`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(name: &str, text: &str, directory: &Path) -> Result<Self, ConfigError> {
        let file = file::parse(name, text)?;
        validate::validate(file, directory)
            .map_err(|problems| ConfigError::new(name, text, problems))
    }
}

#[cfg(test)]
mod tests;
