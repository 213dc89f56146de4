//! YAML in, one validated and immutable configuration out, or every reason why not.

mod admin;
mod audit;
mod authorities;
mod backends;
mod clients;
mod console;
mod content_log;
mod database;
mod decisions;
pub(crate) mod duration;
mod end_users;
mod envoy;
mod error;
mod events;
mod files;
mod finding;
mod fixed;
mod grpc_tls;
mod hours;
mod identities;
mod identity;
mod issuer_warnings;
mod issuers;
mod key_vault;
mod kubernetes;
mod ledger;
mod limit_warnings;
mod limits;
mod listen;
mod masked;
mod metrics;
pub(crate) mod moment;
mod options;
mod parser;
mod pins;
mod places;
mod pool_warnings;
mod pools;
mod prices;
mod problem;
mod problems;
mod products;
mod redis;
mod requires;
mod schema;
mod search;
mod secret;
mod service;
mod source;
mod spanned;
mod surroundings;
mod tracing;
mod tree;
mod unused_warnings;
mod uses;
mod validate;
mod warnings;
mod watch;
mod wording;
mod written;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use admin::{admin_address, control_socket};
pub use error::ConfigError;
pub use finding::{Finding, Severity};
pub(crate) use finding::{MAX_SHOWN, more};
pub use fixed::Fixed;
pub(crate) use parser::read_yaml;
pub(crate) use places::Places;
pub(crate) use pools::MAX_BACKENDS;

use crate::access::EndUsers;
use crate::control::KEYS;
use crate::database::{DatabaseUrl, PostgresUrl, Synchronous};
use crate::envoy_config::Settings;
use crate::limits::SharedOptions;
use crate::policy::Policy;
use crate::telemetry::{LabelLimits, LogFile};
pub use crate::upstream::{IdentityConfig, IdentitySource, ManagedIdentity};
use crate::usage::{LEDGER, LedgerOptions};
pub use issuers::KeyRefresh;
pub use schema::schema;
pub(crate) use secret::read_file;
pub use watch::Watch;

/// What the service runs with.
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// The identity that it puts on requests.
    pub identity: IdentityConfig,
    /// What requests are decided by.
    pub policy: Policy,
    /// What keeps each issuer's keys fresh.
    pub key_refreshes: Vec<KeyRefresh>,
    /// The files that it was read from: a change of any of them makes another configuration.
    pub files: Vec<PathBuf>,
    /// What the Envoy configuration is written from.
    pub envoy: Settings,
    /// How the ledger is kept; `None` where there is no data directory.
    pub ledger: Option<LedgerOptions>,
    /// What is kept of the names of end users.
    pub end_users: EndUsers,
    /// Where the files of this process are; `None`: nothing is kept on disk.
    pub data_directory: Option<PathBuf>,
    /// The PostgreSQL that replicas share; `None`: SQLite in the data directory, if there is one.
    pub database: Option<PostgresUrl>,
    /// Where replicas count their limits together; `None`: each counts for itself.
    pub redis: Option<SharedOptions>,
    /// Whose tokens the password there is; `None`: it has a password of its own, or none.
    pub redis_identity: Option<IdentityConfig>,
    /// What is allowed and may not be meant.
    pub warnings: Vec<Finding>,
    /// What of it all is shown, and where.
    pub shown: Shown,
}

/// What the service shows of what goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// How much the metrics tell apart.
    pub metrics: LabelLimits,
    /// The file that has the audit log besides standard output.
    pub audit: Option<LogFile>,
    /// The file that has prompts and answers.
    pub content: Option<LogFile>,
}

/// Where the service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// ext_authz, ext_proc and health, for Envoy alone.
    pub grpc: GrpcAddress,
    /// Health and metrics over HTTP.
    pub admin: SocketAddr,
    /// The console there; `None`: there is none.
    pub console: Option<Console>,
    /// Commands about keys, over a Unix socket for this user alone.
    pub control: Option<PathBuf>,
}

/// The console on the admin port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// The names of hosts that it answers to, besides addresses and `localhost`.
    pub hosts: Vec<String>,
}

/// The address of the gRPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A loopback address: anyone who reaches the endpoint can get the identity's token from it.
    Tcp(SocketAddr),
    /// Any address, where both sides prove who they are.
    Tls(SocketAddr),
}

impl GrpcAddress {
    /// The path of the Unix socket.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Tcp(_) | Self::Tls(_) => None,
        }
    }
}

impl fmt::Display for GrpcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
            Self::Tls(address) => write!(f, "{address} with TLS"),
        }
    }
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
        let mut config = Self::parse(&name, &text, directory)?;
        config.files.push(path.to_owned());
        Ok(config)
    }

    /// Where the keys are that are issued at run time; `None`: none are.
    pub fn key_database(&self) -> Option<DatabaseUrl> {
        let sqlite =
            |directory: &PathBuf| DatabaseUrl::in_directory(directory, KEYS, Synchronous::Full);
        match &self.database {
            Some(url) => Some(DatabaseUrl::Postgres(url.clone())),
            None => self.data_directory.as_ref().map(sqlite),
        }
    }

    /// Where usage is that `tollgate usage` reports; `None`: no usage is kept.
    pub fn usage_database(&self) -> Option<DatabaseUrl> {
        match &self.database {
            Some(url) => Some(DatabaseUrl::Postgres(url.clone())),
            None => self.own_ledger(),
        }
    }

    /// The ledger of this process.
    pub fn own_ledger(&self) -> Option<DatabaseUrl> {
        let sqlite =
            |directory: &PathBuf| DatabaseUrl::in_directory(directory, LEDGER, Synchronous::Full);
        self.data_directory.as_ref().map(sqlite)
    }

    /// Validates a text; files that it names are relative to `directory`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(name: &str, text: &str, directory: &Path) -> Result<Self, ConfigError> {
        let refused = |problems| ConfigError::new(name, text, problems);
        match parser::parse::<written::File>(text) {
            Ok(file) => {
                let warnings = warnings::warnings(&file);
                let config = validate::validate(file, directory).map_err(refused);
                config.map(|config| Self {
                    warnings: warned(name, text, warnings),
                    ..config
                })
            }
            Err(stop) => Err(refused(search::search(text, &stop, directory))),
        }
    }
}

/// The warnings of a text that is valid.
fn warned(name: &str, text: &str, warnings: Vec<problem::Problem>) -> Vec<Finding> {
    if warnings.is_empty() {
        return Vec::new();
    }
    let tree = tree::Node::read(text).ok();
    finding::findings(Severity::Warning, name, tree.as_ref(), warnings)
}

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;
