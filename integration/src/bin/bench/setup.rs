//! The things compared: Envoy alone, Envoy with a service that does nothing, tollgate, and tollgate with
//! a ledger or with three backends to choose from.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use clap::ValueEnum;
use tempfile::TempDir;
use tokio::process::Command;

use super::backend::BenchBackend;
use tollgate_integration::stack::{
    BACKEND_CLUSTER, Backend, Child, Envoy, EnvoyConfig, Failure, Launch, Output, TestKey,
    Tollgate, TollgateLaunch, paths, poll_for, tollgate_yaml,
};

/// The number of the other client's key, which only the hostile mix uses.
pub const OTHER_KEY: u32 = 2;

/// The backends of the pool.
const POOL: [&str; 3] = ["sweden", "east", "west"];

/// What stands between the load and the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Chain {
    /// Envoy, with neither ext_authz nor ext_proc.
    EnvoyAlone,
    /// The whole chain, and a service that lets everything pass at once: the floor.
    Floor,
    /// The whole chain with tollgate: keys, a product, tokens counted.
    Tollgate,
    /// The same with a ledger, each record on the disk before the answer ends.
    Ledger,
    /// Tollgate without a ledger, and three backends in turn.
    Pool,
}

impl Chain {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] = [
        Self::EnvoyAlone,
        Self::Floor,
        Self::Tollgate,
        Self::Ledger,
        Self::Pool,
    ];
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EnvoyAlone => "Envoy alone",
            Self::Floor => "Envoy + no-op",
            Self::Tollgate => "Envoy + tollgate",
            Self::Ledger => "… with a ledger",
            Self::Pool => "… with a pool of three",
        })
    }
}

/// What decides, if anything does.
enum Service {
    None,
    Noop(Child),
    Tollgate(Tollgate),
}

/// One chain, running.
pub struct Setup {
    /// Which one.
    pub chain: Chain,
    /// How a caller proves itself to it: name and value of a header.
    pub credential: (&'static str, String),
    envoy: Envoy,
    service: Service,
    directory: TempDir,
}

impl Setup {
    /// Starts a chain in front of `backend`, with so many workers of Envoy.
    pub async fn start(
        chain: Chain,
        backend: &BenchBackend,
        workers: u32,
    ) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|error| Failure::new("no directory", error))?;
        let socket = directory.path().join("service.sock");
        let mut config = EnvoyConfig::standalone()?;
        // The backend wants the gateway's token; without tollgate the load itself brings it.
        let token = ("authorization", format!("Bearer {}", backend.token()));
        let (service, credential) = match chain {
            Chain::EnvoyAlone => (Service::None, token),
            Chain::Floor => (Service::Noop(noop(&socket).await?), token),
            Chain::Tollgate | Chain::Ledger | Chain::Pool => {
                let key = TestKey::numbered(1);
                let yaml = with_other(&tollgate_yaml(&socket, &key));
                let yaml = match chain {
                    Chain::Pool => with_pool(&yaml),
                    _ => with_backends(&yaml, &POOL[..1]),
                };
                let ledger = match chain {
                    Chain::Ledger => "data_directory: data\nledger: { durability: strict }\n",
                    _ => "",
                };
                let tollgate = tollgate(&directory, &(yaml + ledger), backend).await?;
                let written = directory.path().join("tollgate.yaml");
                config = EnvoyConfig::written_from(&written, &[]).await?;
                (
                    Service::Tollgate(tollgate),
                    ("api-key", key.text().to_owned()),
                )
            }
        };
        config.listen_on_loopback();
        config.plaintext_listener();
        config.tollgate_socket(&socket);
        let there = Backend {
            address: backend.address(),
            host: "localhost",
            authority: None,
        };
        match chain {
            Chain::Pool => {
                let all = POOL.map(|name| (format!("azure_openai.{name}"), there));
                config.backends(&all);
            }
            // It is told which backend there is, as it is in an Envoy that runs what `tollgate envoy` writes.
            Chain::Tollgate | Chain::Ledger => {
                config.backends(&[(BACKEND_CLUSTER.to_owned(), there)]);
            }
            Chain::EnvoyAlone | Chain::Floor => config.backend(there),
        }
        if chain == Chain::EnvoyAlone {
            config.remove_http_filter("envoy.filters.http.ext_authz");
            config.remove_http_filter("envoy.filters.http.ext_proc");
        }
        let launch = Launch {
            concurrency: workers,
            access_log: Output::Dropped,
        };
        let envoy = Envoy::start(&config, directory.path(), launch).await?;
        Ok(Self {
            chain,
            credential,
            envoy,
            service,
            directory,
        })
    }

    /// Where the load goes.
    pub fn address(&self) -> SocketAddr {
        self.envoy.address()
    }

    /// A directory for the files of the load.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Envoy's process id.
    pub fn envoy_pid(&mut self) -> Result<u32, Failure> {
        running(self.envoy.child())
    }

    /// The service's process id, where there is one.
    pub fn service_pid(&mut self) -> Result<Option<u32>, Failure> {
        match &mut self.service {
            Service::None => Ok(None),
            Service::Noop(child) => running(child).map(Some),
            Service::Tollgate(tollgate) => running(tollgate.child()).map(Some),
        }
    }

    /// What tollgate has counted; `None` for the other chains.
    pub async fn counted(&self) -> Result<Option<Counted>, Failure> {
        Ok(self.metrics().await?.as_deref().map(Counted::read))
    }

    /// How long records have waited for the disk; `None` without a ledger.
    pub async fn waits(&self) -> Result<Option<Waits>, Failure> {
        Ok(self.metrics().await?.as_deref().and_then(Waits::read))
    }

    async fn metrics(&self) -> Result<Option<String>, Failure> {
        match &self.service {
            Service::Tollgate(tollgate) => Ok(Some(tollgate.metrics().await?)),
            Service::None | Service::Noop(_) => Ok(None),
        }
    }
}

/// tollgate's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Input and output tokens.
    pub tokens: u64,
    /// Requests that are not yet counted.
    pub under_way: u64,
}

impl Counted {
    /// Reads it from the metrics. The other kinds of tokens are parts of input and output.
    fn read(metrics: &str) -> Self {
        let sum = |wanted: &dyn Fn(&str) -> bool| {
            let samples = metrics.lines().filter(|line| wanted(line));
            let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            values.sum::<f64>() as u64
        };
        let is_of = |line: &str, kind: &str| line.contains(&format!(r#"token_kind="{kind}""#));
        Self {
            tokens: sum(&|line| {
                line.starts_with("tollgate_usage_tokens")
                    && (is_of(line, "input") || is_of(line, "output"))
            }),
            under_way: sum(&|line| line.starts_with("tollgate_active_requests")),
        }
    }
}

/// Groups of records that were written together, by how long the first of each has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// All of them.
    pub groups: u64,
    /// Those that waited for more than 50 ms.
    pub slow: u64,
}

impl Waits {
    /// Those of both, where there are any.
    pub fn sum(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let both = one.into_iter().chain(other);
        both.reduce(|one, other| Self {
            groups: one.groups + other.groups,
            slow: one.slow + other.slow,
        })
    }

    fn read(metrics: &str) -> Option<Self> {
        const NAME: &str = "tollgate_ledger_write_duration_seconds";
        let find = |begin: &str, with: &str| {
            let mut lines = metrics.lines();
            let line = lines.find(|it| it.starts_with(begin) && it.contains(with))?;
            Some(line.rsplit(' ').next()?.parse::<f64>().ok()? as u64)
        };
        let groups = find(&format!("{NAME}_count"), "")?;
        let quick = find(&format!("{NAME}_bucket"), "le=\"0.05\"")?;
        Some(Self {
            groups,
            slow: groups - quick,
        })
    }
}

/// With another client of the same product.
fn with_other(yaml: &str) -> String {
    let key = TestKey::numbered(OTHER_KEY).sha256();
    let other = format!(
        "clients:\n  - id: other\n    credentials: [ {{ key: {{ slot: primary, sha256: \"{key}\" }} }} ]\n    products: [standard]\n"
    );
    yaml.replacen("clients:\n", &other, 1)
}

/// With these backends.
fn with_backends(yaml: &str, names: &[&str]) -> String {
    let backends = names
        .iter()
        .map(|name| format!("  - {{ name: {name}, endpoint: \"https://{name}.example\" }}\n"));
    let backends: String = backends.collect();
    yaml.replace("  - { name: sweden }\n", &backends)
}

/// With three backends that have the deployment.
fn with_pool(yaml: &str) -> String {
    let members = POOL.map(|name| format!("{{ name: {name} }}")).join(", ");
    let pool = format!("pools:\n  - {{ deployment: gpt-4o, backends: [ {members} ] }}\n");
    with_backends(yaml, &POOL) + &pool
}

fn running(child: &mut Child) -> Result<u32, Failure> {
    child.check_running()?;
    child
        .pid()
        .ok_or_else(|| Failure::new("a child process", "has ended"))
}

async fn noop(socket: &Path) -> Result<Child, Failure> {
    let mut command = Command::new(paths::binary("noop")?);
    command.arg("--socket").arg(socket);
    let mut child = Child::spawn("noop", command, Output::Dropped)?;
    poll_for("the no-op service to listen", async || {
        child
            .check_running()
            .err()
            .map(Err)
            .or(socket.exists().then_some(Ok(())))
    })
    .await??;
    Ok(child)
}

async fn tollgate(
    directory: &TempDir,
    yaml: &str,
    backend: &BenchBackend,
) -> Result<Tollgate, Failure> {
    let mut launch = TollgateLaunch::new(directory.path(), &backend.identity);
    launch.audit = Output::Dropped;
    launch.configure(yaml, Vec::new())?;
    let mut tollgate = Tollgate::start(&launch).await?;
    tollgate.ready().await?;
    Ok(tollgate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_groups_are_those_beyond_the_bucket() {
        let metrics = "tollgate_ledger_write_duration_seconds_bucket{le=\"0.01\"} 5\n\
            tollgate_ledger_write_duration_seconds_bucket{le=\"0.05\"} 7\n\
            tollgate_ledger_write_duration_seconds_bucket{le=\"+Inf\"} 9\n\
            tollgate_ledger_write_duration_seconds_count 9\n";
        let wanted = Waits { groups: 9, slow: 2 };
        assert_eq!(Waits::read(metrics), Some(wanted));
        assert_eq!(Waits::read("tollgate_ready 1\n"), None);
        let twice = Waits {
            groups: 18,
            slow: 4,
        };
        assert_eq!(Waits::sum(Some(wanted), Some(wanted)), Some(twice));
        assert_eq!(Waits::sum(None, Some(wanted)), Some(wanted));
        assert_eq!(Waits::sum(None, None), None);
    }

    #[test]
    fn parts_of_the_input_are_not_counted_twice() {
        let metrics = "# TYPE tollgate_usage_tokens_total counter\n\
            tollgate_usage_tokens_total{tollgate_token_kind=\"input\"} 23\n\
            tollgate_usage_tokens_total{tollgate_token_kind=\"cached_input\"} 7\n\
            tollgate_usage_tokens_total{tollgate_token_kind=\"output\"} 11\n\
            tollgate_active_requests 2\n";
        let wanted = Counted {
            tokens: 34,
            under_way: 2,
        };
        assert_eq!(Counted::read(metrics), wanted);
    }
}
