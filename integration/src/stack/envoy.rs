//! The real Envoy as a child process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use super::child::{Child, Output};
use super::config::EnvoyConfig;
use super::failure::Failure;
use super::lines::Lines;
use super::paths;
use super::wait::poll_for;

/// How an Envoy is started.
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    /// Worker threads.
    pub concurrency: u32,
    /// What becomes of the access log.
    pub access_log: Output,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            concurrency: 1,
            access_log: Output::Kept,
        }
    }
}

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    address: SocketAddr,
    admin: String,
    http: reqwest::Client,
}

impl Envoy {
    /// Starts Envoy with files in `directory`, and waits until it serves.
    pub async fn start(
        config: &EnvoyConfig,
        directory: &Path,
        launch: Launch,
    ) -> Result<Self, Failure> {
        Self::start_with(&write(config, directory)?, directory, launch).await
    }

    /// The same with a file that is there already.
    pub async fn start_with(
        file: &Path,
        directory: &Path,
        launch: Launch,
    ) -> Result<Self, Failure> {
        let admin_file = directory.join("envoy-admin");
        let mut child = Child::spawn(
            "envoy",
            command(file, &admin_file, launch.concurrency)?,
            launch.access_log,
        )?;
        let admin = format!("http://{}", admin_address(&mut child, &admin_file).await?);
        let http = reqwest::Client::new();
        wait_until_ready(&mut child, &http, &admin).await?;
        let address = listener_address(&http, &admin).await?;
        Ok(Self {
            child,
            address,
            admin,
            http,
        })
    }

    /// Where callers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the admin listener, without a slash at the end.
    pub fn admin_url(&self) -> &str {
        &self.admin
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The access log: a line of JSON for each request, written when the request has ended.
    pub fn access_log(&self) -> &Lines {
        self.child.stdout()
    }

    /// The text of an admin page, such as `/config_dump`.
    pub async fn admin(&self, path: &str) -> Result<String, Failure> {
        get(&self.http, &format!("{}{path}", self.admin)).await
    }

    /// All counters and gauges by name.
    pub async fn stats(&self) -> Result<BTreeMap<String, u64>, Failure> {
        let text = self.admin("/stats").await?;
        let numbers = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Ok(numbers.collect())
    }

    /// One counter or gauge; 0 where Envoy does not know it yet.
    pub async fn stat(&self, name: &str) -> Result<u64, Failure> {
        Ok(self.stats().await?.get(name).copied().unwrap_or(0))
    }
}

/// Checks a configuration with `envoy --mode validate`; the failure holds what Envoy says.
pub async fn validate(config: &EnvoyConfig, directory: &Path) -> Result<(), Failure> {
    let file = write(config, directory)?;
    let checked = Command::new(paths::envoy()?)
        .args(["--mode", "validate", "--log-level", "warning", "-c"])
        .arg(file)
        .output()
        .await
        .map_err(|error| Failure::new("envoy", error))?;
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    match checked.status.success() && said.is_empty() {
        true => Ok(()),
        false => Err(Failure::new("envoy --mode validate", said)),
    }
}

fn command(file: &Path, admin_file: &Path, concurrency: u32) -> Result<Command, Failure> {
    let mut command = Command::new(paths::envoy()?);
    command
        .arg("-c")
        .arg(file)
        .arg("--admin-address-path")
        .arg(admin_file)
        .args(["--concurrency", &concurrency.to_string()])
        .args(["--disable-hot-restart", "--log-level", "warning"])
        // The default of 10 s would make each look at the access log that slow.
        .args(["--file-flush-interval-msec", "20"]);
    Ok(command)
}

/// Envoy reads JSON as well as YAML.
fn write(config: &EnvoyConfig, directory: &Path) -> Result<std::path::PathBuf, Failure> {
    let path = directory.join("envoy.json");
    std::fs::write(&path, config.0.to_string())
        .map_err(|error| Failure::new(path.display(), error))?;
    Ok(path)
}

async fn admin_address(child: &mut Child, file: &Path) -> Result<String, Failure> {
    poll_for("Envoy's admin address", async || {
        let ended = child.check_running().err().map(Err);
        let written = std::fs::read_to_string(file)
            .ok()
            .filter(|text| text.contains(':'));
        ended.or(written.map(Ok))
    })
    .await?
}

async fn wait_until_ready(
    child: &mut Child,
    http: &reqwest::Client,
    admin: &str,
) -> Result<(), Failure> {
    poll_for("Envoy to be ready", async || {
        let ready = get(http, &format!("{admin}/ready"))
            .await
            .ok()
            .map(|_| Ok(()));
        child.check_running().err().map(Err).or(ready)
    })
    .await?
}

async fn listener_address(http: &reqwest::Client, admin: &str) -> Result<SocketAddr, Failure> {
    let text = get(http, &format!("{admin}/listeners?format=json")).await?;
    let listeners: Value =
        serde_json::from_str(&text).map_err(|error| Failure::new("/listeners", error))?;
    let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
    format!(
        "{}:{}",
        address["address"].as_str().unwrap_or_default(),
        address["port_value"]
    )
    .parse()
    .map_err(|error| Failure::new(format_args!("no listener in {text}"), error))
}

async fn get(http: &reqwest::Client, url: &str) -> Result<String, Failure> {
    let failed = |error| Failure::new(url, error);
    let response = http.get(url).send().await.map_err(failed)?;
    let response = response.error_for_status().map_err(failed)?;
    response.text().await.map_err(failed)
}
