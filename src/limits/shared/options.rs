//! Where replicas count together, and what happens while that can't be reached.

use std::fmt;

use redis::{ConnectionAddr, IntoConnectionInfo};
use secrecy::{ExposeSecret, SecretString};

/// Where replicas count together.
#[derive(Clone, Debug)]
pub struct SharedOptions {
    /// The servers.
    pub servers: Servers,
    /// Certificates of the authorities that have issued the servers', in PEM; `None`: those of the system.
    pub trust: Option<Vec<u8>>,
    /// The user, where the server has several.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// What each key begins with.
    pub key_prefix: String,
    /// While no server answers.
    pub when_unavailable: WhenUnavailable,
    /// How many replicas there are.
    pub replicas: u64,
}

/// Redis or Valkey, as one or as several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Servers {
    /// One server.
    Single(ServerUrl),
    /// A cluster; some of its nodes.
    Cluster(Vec<ServerUrl>),
    /// Whichever server sentinels call the primary.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<ServerUrl>,
        /// What they call the group of servers.
        name: String,
    },
}

impl Servers {
    /// All addresses.
    pub fn urls(&self) -> &[ServerUrl] {
        match self {
            Self::Single(url) => std::slice::from_ref(url),
            Self::Cluster(urls) => urls,
            Self::Sentinel { sentinels, .. } => sentinels,
        }
    }

    /// Whether TLS protects every connection.
    pub fn is_tls(&self) -> bool {
        self.urls().iter().all(ServerUrl::is_tls)
    }
}

/// What happens to requests with limits while no server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnavailable {
    /// Each replica goes on with its part of every limit.
    #[default]
    LocalShare,
    /// They are refused.
    Refuse,
}

/// The address of a server: `redis://HOST:PORT`, or `rediss://` with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl(String);

/// Why a text is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadServerUrl {
    /// It is none.
    #[error("not the address of a Redis or Valkey server")]
    Malformed,
    /// It has a user or a password in it.
    #[error("the address must have no user and no password in it")]
    Credentials,
}

impl ServerUrl {
    /// # Errors
    /// [`BadServerUrl`]
    pub fn parse(text: &str) -> Result<Self, BadServerUrl> {
        let is_known = ["redis://", "rediss://"].iter();
        if !is_known.clone().any(|scheme| text.starts_with(scheme)) || text.contains('#') {
            return Err(BadServerUrl::Malformed);
        }
        let info = text.into_connection_info();
        let info = info.map_err(|_| BadServerUrl::Malformed)?;
        let settings = info.redis_settings();
        match (settings.username(), settings.password()) {
            (None, None) => Ok(Self(text.to_owned())),
            _ => Err(BadServerUrl::Credentials),
        }
    }

    /// Whether its connections use TLS.
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("rediss://")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn address(&self) -> Option<ConnectionAddr> {
        let info = self.0.as_str().into_connection_info().ok()?;
        Some(info.addr().clone())
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for SharedOptions {
    fn eq(&self, other: &Self) -> bool {
        let secret = |it: &Self| it.password.as_ref().map(|it| it.expose_secret().to_owned());
        self.servers == other.servers
            && self.trust == other.trust
            && self.username == other.username
            && self.key_prefix == other.key_prefix
            && self.when_unavailable == other.when_unavailable
            && self.replicas == other.replicas
            && secret(self) == secret(other)
    }
}

impl Eq for SharedOptions {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_hold_no_secrets() {
        for good in [
            "redis://localhost",
            "redis://10.0.0.1:6380/2",
            "rediss://cache.example.net:6380",
        ] {
            let url = ServerUrl::parse(good).expect(good);
            assert_eq!(url.is_tls(), good.starts_with("rediss"), "{good}");
        }
        for (bad, why) in [
            ("redis://:secret@localhost", BadServerUrl::Credentials),
            ("redis://app:secret@localhost", BadServerUrl::Credentials),
            ("localhost:6379", BadServerUrl::Malformed),
            ("http://localhost:6379", BadServerUrl::Malformed),
            ("unix:///run/redis.sock", BadServerUrl::Malformed),
            ("rediss://localhost/#insecure", BadServerUrl::Malformed),
            ("redis://localhost:port", BadServerUrl::Malformed),
        ] {
            assert_eq!(ServerUrl::parse(bad), Err(why), "{bad}");
        }
    }
}
