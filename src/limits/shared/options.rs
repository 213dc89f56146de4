//! Where replicas count together, and what happens while that can't be reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionAddr, IntoConnectionInfo};
use secrecy::{ExposeSecret, SecretString};

use crate::loopback::is_loopback;

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
    /// How long a request waits for an answer: [`Self::ANSWER_TIMEOUT`], but where time itself is not what is tested.
    pub answer_timeout: Duration,
}

impl SharedOptions {
    /// How long a request waits for an answer: then the servers are away.
    pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(100);
}

/// Gives a password that is replaced by another one before it ends, as tokens are; `None` while there is none.
pub type RenewedPassword = Arc<dyn Fn() -> Option<SecretString> + Send + Sync>;

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

impl WhenUnavailable {
    /// What is said while no server answers.
    pub const fn concern(self) -> &'static str {
        match self {
            Self::LocalShare => {
                "the shared counts can't be reached, this replica goes on with its part of each limit"
            }
            Self::Refuse => "the shared counts can't be reached, requests with limits are refused",
        }
    }
}

/// The address of a server: `redis://HOST[:PORT][/DATABASE]`, or `rediss://` with TLS.
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
        if !is_known.clone().any(|scheme| text.starts_with(scheme)) || text.contains(['#', '?']) {
            return Err(BadServerUrl::Malformed);
        }
        let info = text.into_connection_info();
        let info = info.map_err(|_| BadServerUrl::Malformed)?;
        let settings = info.redis_settings();
        if settings.db() < 0 {
            return Err(BadServerUrl::Malformed);
        }
        match (settings.username(), settings.password()) {
            (None, None) => Ok(Self(text.to_owned())),
            _ => Err(BadServerUrl::Credentials),
        }
    }

    /// The number of the database, 0 where none is named.
    pub fn database(&self) -> i64 {
        let info = self.0.as_str().into_connection_info();
        info.map_or(0, |info| info.redis_settings().db())
    }

    /// Whether it names a port; without one it is 6379.
    pub fn has_port(&self) -> bool {
        let (_, rest) = self.0.split_once("://").unwrap_or_default();
        let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
        let port = host.rsplit_once(':').map(|(_, port)| port);
        port.is_some_and(|port| port.bytes().all(|it| it.is_ascii_digit()) && !port.is_empty())
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        let host = match self.address() {
            Some(ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => host,
            _ => return false,
        };
        is_loopback(&host)
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
        let Self {
            servers,
            trust,
            username,
            password,
            key_prefix,
            when_unavailable,
            replicas,
            answer_timeout,
        } = other;
        let secret =
            |it: &Option<SecretString>| it.as_ref().map(|it| it.expose_secret().to_owned());
        self.servers == *servers
            && self.trust == *trust
            && self.username == *username
            && secret(&self.password) == secret(password)
            && self.key_prefix == *key_prefix
            && self.when_unavailable == *when_unavailable
            && self.replicas == *replicas
            && self.answer_timeout == *answer_timeout
    }
}

impl Eq for SharedOptions {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_hold_no_secrets() {
        for (good, database, has_port) in [
            ("redis://localhost", 0, false),
            ("redis://localhost/", 0, false),
            ("redis://10.0.0.1:6380/2", 2, true),
            ("redis://[::1]/3", 3, false),
            ("redis://[::1]:6379", 0, true),
            ("rediss://cache.example.net:6380", 0, true),
        ] {
            let url = ServerUrl::parse(good).expect(good);
            assert_eq!(url.is_tls(), good.starts_with("rediss"), "{good}");
            assert_eq!(
                (url.database(), url.has_port()),
                (database, has_port),
                "{good}"
            );
        }
        for (bad, why) in [
            ("redis://:secret@localhost", BadServerUrl::Credentials),
            ("redis://app:secret@localhost", BadServerUrl::Credentials),
            ("localhost:6379", BadServerUrl::Malformed),
            ("http://localhost:6379", BadServerUrl::Malformed),
            ("unix:///run/redis.sock", BadServerUrl::Malformed),
            ("rediss://localhost/#insecure", BadServerUrl::Malformed),
            ("redis://localhost:port", BadServerUrl::Malformed),
            ("redis://localhost/two", BadServerUrl::Malformed),
            ("redis://localhost/-1", BadServerUrl::Malformed),
            ("redis://localhost?db=2", BadServerUrl::Malformed),
        ] {
            assert_eq!(ServerUrl::parse(bad), Err(why), "{bad}");
        }
    }
}
