//! The connection to the servers: the one file that speaks to them.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, Script};
use redis::{TlsCertificates, TlsMode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::call::{Answers, CounterCall};
use super::keys::of_subject;
use super::options::{RenewedPassword, ServerUrl, Servers, SharedOptions, WhenUnavailable};
use super::view::{Reach, View};
use crate::limits::moment::{Clock, Moment};
use crate::limits::subject::Subject;

/// No request waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long until a token that was not taken is tried again, while the one before is good.
const RENEWAL_RETRY_MS: u64 = 30_000;
/// What a replica holds is there for others when nothing was heard of it for so long.
const LEASE_MS: u64 = 5_000;
/// The server keeps the mark of a replica for 120 s.
const MARK_MS: u64 = 100_000;
/// No slice is more than this part of what is left, for each replica.
const PARTS: u64 = 4;

/// The servers, and whether they answer.
pub(in crate::limits) struct Link {
    options: SharedOptions,
    clock: Clock,
    script: Script,
    /// Of this process.
    replica: String,
    /// The password, where it is replaced before it ends.
    renewed: Option<RenewedPassword>,
    /// The one that the connection was made with.
    used: Mutex<Option<SecretString>>,
    /// One that was not taken is not tried again before.
    renew_after_ms: AtomicU64,
    connection: ArcSwapOption<Connection>,
    is_up: AtomicBool,
    /// Since when it is down, where it is.
    away_since_ms: AtomicI64,
    /// Whether somebody was told that it is down.
    is_said: AtomicBool,
    /// What the server's clock is ahead of the uptime.
    ahead_ms: AtomicU64,
    next_call: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The calls about one subject follow each other.
#[derive(Debug, Default)]
pub(in crate::limits) struct Turn {
    answered_ms: Option<u64>,
}

/// Whether the servers answer, and what they were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedState {
    /// While they do not answer.
    pub away: Option<Away>,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that were not.
    pub failed: u64,
}

/// Servers that do not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// What happens to requests meanwhile.
    pub rule: WhenUnavailable,
}

impl SharedState {
    /// Whether they answer.
    pub const fn is_up(&self) -> bool {
        self.away.is_none()
    }
}

/// What became of a call.
pub(in crate::limits) struct Said {
    pub(in crate::limits) answers: Answers,
    /// The server knew this replica before, and does not any more.
    pub(in crate::limits) has_lost: bool,
}

impl Link {
    /// # Errors
    /// Where this machine has no random numbers.
    pub(in crate::limits) fn new(
        options: SharedOptions,
        renewed: Option<RenewedPassword>,
        clock: Clock,
    ) -> Result<Self, String> {
        let mut replica = [0; 8];
        getrandom::fill(&mut replica).map_err(|error| error.to_string())?;
        let now = clock.now();
        let unix_ms = u64::try_from(now.unix_ms).unwrap_or(0);
        Ok(Self {
            options,
            clock,
            script: Script::new(include_str!("counters.lua")),
            replica: hex::encode(replica),
            renewed,
            used: Mutex::default(),
            renew_after_ms: AtomicU64::new(0),
            connection: ArcSwapOption::empty(),
            is_up: AtomicBool::new(false),
            away_since_ms: AtomicI64::new(now.unix_ms),
            is_said: AtomicBool::new(false),
            ahead_ms: AtomicU64::new(unix_ms.saturating_sub(now.uptime_ms)),
            next_call: AtomicU64::new(1),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// The state of things at a moment.
    pub(in crate::limits) fn view(&self, now: Moment) -> View {
        let reach = match (self.is_up(), self.options.when_unavailable) {
            (true, _) => Reach::Up,
            (false, WhenUnavailable::LocalShare) => Reach::Alone,
            (false, WhenUnavailable::Refuse) => Reach::Refusing,
        };
        View {
            now,
            ahead_ms: self.ahead_ms.load(Ordering::Relaxed),
            reach,
            replicas: self.options.replicas,
        }
    }

    pub(in crate::limits) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    pub(in crate::limits) fn state(&self) -> SharedState {
        SharedState {
            away: (!self.is_up()).then(|| Away {
                since_ms: self.away_since_ms.load(Ordering::Relaxed),
                rule: self.options.when_unavailable,
            }),
            answered: self.answered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Connects. The counters are asked again only after [`Self::up`].
    ///
    /// # Errors
    /// What the server or the network says.
    pub(in crate::limits) async fn connect(&self) -> Result<(), String> {
        let password = match &self.renewed {
            None => self.options.password.clone(),
            Some(renewed) => {
                let Some(token) = renewed() else {
                    // Whatever fetches it says why.
                    self.away();
                    return Err("the identity has no token".to_owned());
                };
                Some(token)
            }
        };
        let connection = self.connect_with(password.as_ref()).await;
        let connection = connection.inspect_err(|reason| self.down(reason))?;
        self.use_from_now_on(connection, password);
        Ok(())
    }

    async fn connect_with(&self, password: Option<&SecretString>) -> Result<Connection, String> {
        let options = SharedOptions {
            password: password.cloned(),
            ..self.options.clone()
        };
        let connection = timeout(CONNECT_TIMEOUT, connect(&options)).await;
        connection
            .map_err(|_| "no connection in time".to_owned())?
            .map_err(|error| error.to_string())
    }

    fn use_from_now_on(&self, connection: Connection, password: Option<SecretString>) {
        self.connection.store(Some(Arc::new(connection)));
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = password;
    }

    /// Logs in anew where the password is another one by now: servers end connections whose token ends. Calls go on
    /// with the connection that there is until there is a new one.
    pub(in crate::limits) async fn renew(&self) {
        let Some(now) = self.renewed.as_ref().and_then(|renewed| renewed()) else {
            return;
        };
        let is_same = {
            let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let used = used.as_ref().map(ExposeSecret::expose_secret);
            used == Some(now.expose_secret())
        };
        let uptime_ms = self.clock.now().uptime_ms;
        if is_same || uptime_ms < self.renew_after_ms.load(Ordering::Relaxed) {
            return;
        }
        match self.connect_with(Some(&now)).await {
            // Whoever connects after a failure takes the new one anyway.
            Ok(connection) if self.is_up() => self.use_from_now_on(connection, Some(now)),
            Ok(_) => {}
            Err(reason) => {
                let later = uptime_ms + RENEWAL_RETRY_MS;
                self.renew_after_ms.store(later, Ordering::Relaxed);
                tracing::warn!(
                    reason,
                    "the servers of shared limits do not take the identity's new token"
                );
            }
        }
    }

    /// The servers know all that was used while they did not answer.
    pub(in crate::limits) fn up(&self) {
        if self.connection.load().is_some() && !self.is_up.swap(true, Ordering::Relaxed) {
            self.is_said.store(false, Ordering::Relaxed);
            tracing::info!("limits are counted together with the other replicas");
        }
    }

    /// As if a server had answered.
    #[cfg(test)]
    pub(in crate::limits) fn pretend_up(&self) {
        self.is_up.store(true, Ordering::Relaxed);
    }

    /// A connection does not work. Another one that has taken its place meanwhile may.
    fn broken(&self, connection: &Arc<Connection>, reason: &str) {
        let now = self.connection.load();
        if now.as_ref().is_some_and(|now| Arc::ptr_eq(now, connection)) {
            self.down(reason);
        }
    }

    fn away(&self) {
        if self.is_up.swap(false, Ordering::Relaxed) {
            let now = self.clock.now().unix_ms;
            self.away_since_ms.store(now, Ordering::Relaxed);
        }
        self.connection.store(None);
    }

    fn down(&self, reason: &str) {
        self.away();
        if !self.is_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "{}", self.options.when_unavailable.concern());
        }
    }

    /// The number of the next call: each is higher than those before.
    pub(in crate::limits) fn number(&self) -> u64 {
        self.next_call.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks the counters of a subject; none where they do not answer.
    pub(in crate::limits) async fn call(
        &self,
        turn: &mut Turn,
        number: u64,
        subject: &Subject,
        counters: &[CounterCall],
    ) -> Option<Said> {
        let connection = self.connection.load_full()?;
        let asked = self.ask((*connection).clone(), subject, number, counters);
        let answers = match timeout(self.options.answer_timeout, asked).await {
            Ok(Ok(figures)) => Answers::parse(&figures, counters.len())
                .ok_or_else(|| "an answer that can't be read".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!(
                "no answer within {} ms",
                self.options.answer_timeout.as_millis()
            )),
        };
        let now = self.clock.now();
        match answers {
            Ok(answers) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                let ahead = answers.now_ms.saturating_sub(now.uptime_ms);
                self.ahead_ms.store(ahead, Ordering::Relaxed);
                let before = turn.answered_ms.replace(now.uptime_ms);
                let was_known = before.is_some_and(|at| now.uptime_ms.saturating_sub(at) < MARK_MS);
                Some(Said {
                    has_lost: was_known && !answers.is_known,
                    answers,
                })
            }
            Err(reason) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.broken(&connection, &reason);
                None
            }
        }
    }

    /// Looks whether the server still answers: it may be that nobody else asks.
    pub(in crate::limits) async fn ping(&self) {
        let Some(connection) = self.connection.load_full() else {
            return;
        };
        let ping = redis::cmd("PING");
        let asked = async {
            match (*connection).clone() {
                Connection::Server(mut server) => ping.query_async::<()>(&mut server).await,
                Connection::Cluster(mut cluster) => ping.query_async::<()>(&mut cluster).await,
            }
        };
        match timeout(self.options.answer_timeout, asked).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.broken(&connection, &error.to_string()),
            Err(_) => self.broken(&connection, "no answer to a ping in time"),
        }
    }

    async fn ask(
        &self,
        connection: Connection,
        subject: &Subject,
        number: u64,
        counters: &[CounterCall],
    ) -> Result<Vec<i64>, RedisError> {
        let of_subject = of_subject(&self.options.key_prefix, subject);
        let mut call = self.script.prepare_invoke();
        call.key(format!("{of_subject}:mark:{}", self.replica));
        call.arg(&self.replica).arg(number).arg(LEASE_MS);
        let parts = self.options.replicas.saturating_mul(PARTS);
        for counter in counters {
            call.key(format!("{of_subject}:{}", counter.key));
            counter.words(parts, &mut |word| {
                call.arg(word);
            });
        }
        match connection {
            Connection::Server(mut server) => call.invoke_async(&mut server).await,
            Connection::Cluster(mut cluster) => call.invoke_async(&mut cluster).await,
        }
    }
}

/// Connects once, and asks for a sign of life.
///
/// # Errors
/// What the server or the network says.
pub async fn try_servers(options: &SharedOptions) -> Result<(), String> {
    let tried = async {
        let ping = redis::cmd("PING");
        match connect(options).await? {
            Connection::Server(mut server) => ping.query_async::<()>(&mut server).await,
            Connection::Cluster(mut cluster) => ping.query_async::<()>(&mut cluster).await,
        }
    };
    match timeout(CONNECT_TIMEOUT, tried).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
    }
}

async fn connect(options: &SharedOptions) -> Result<Connection, RedisError> {
    let certificates = options.trust.clone().map(|root_cert| TlsCertificates {
        client_tls: None,
        root_cert: Some(root_cert),
    });
    match &options.servers {
        Servers::Single(url) => single(options, url, certificates).await,
        Servers::Cluster(urls) => cluster(options, urls, certificates).await,
        Servers::Sentinel { sentinels, name } => {
            by_sentinel(options, sentinels, name, certificates).await
        }
    }
}

/// The timeout of a call is ours.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(CONNECT_TIMEOUT))
}

fn password(options: &SharedOptions) -> Option<&str> {
    options.password.as_ref().map(ExposeSecret::expose_secret)
}

async fn single(
    options: &SharedOptions,
    url: &ServerUrl,
    certificates: Option<TlsCertificates>,
) -> Result<Connection, RedisError> {
    let info = url.as_str().into_connection_info()?;
    let mut settings = info.redis_settings().clone();
    if let Some(username) = &options.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = password(options) {
        settings = settings.set_password(password);
    }
    let info = info.set_redis_settings(settings);
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates)?,
        None => Client::open(info)?,
    };
    let config = config();
    let connected = client.get_multiplexed_async_connection_with_config(&config);
    connected.await.map(Connection::Server)
}

async fn cluster(
    options: &SharedOptions,
    urls: &[ServerUrl],
    certificates: Option<TlsCertificates>,
) -> Result<Connection, RedisError> {
    let mut builder = ClusterClient::builder(urls.iter().map(ServerUrl::as_str))
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(CONNECT_TIMEOUT)
        .retries(2);
    if let Some(username) = &options.username {
        builder = builder.username(username);
    }
    if let Some(password) = password(options) {
        builder = builder.password(password);
    }
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    let connected = builder.build()?.get_async_connection().await;
    connected.map(Connection::Cluster)
}

async fn by_sentinel(
    options: &SharedOptions,
    sentinels: &[ServerUrl],
    name: &str,
    certificates: Option<TlsCertificates>,
) -> Result<Connection, RedisError> {
    let addresses = sentinels.iter().filter_map(ServerUrl::address);
    let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?;
    if let Some(username) = &options.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = password(options) {
        builder = builder.set_client_to_redis_password(password);
    }
    if options.servers.is_tls() {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    let mut client = builder.build()?;
    let config = config();
    let connected = client.get_async_connection_with_config(&config);
    connected.await.map(Connection::Server)
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("servers", &self.options.servers)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
