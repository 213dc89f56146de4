//! The tollgate under test, as a child process.

use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::process::Command;

use super::child::{Child, Output};
use super::failure::Failure;
use super::files::write;
use super::key::TestKey;
use super::lines::Lines;
use super::paths;
use super::wait::poll_for;
use crate::fakes::identity::FakeIdentity;

/// A change of the text of tollgate.yaml.
pub type ConfigEdit = Box<dyn FnOnce(String) -> String + Send>;

/// tollgate.yaml of a test; the words in capitals are filled in.
const TOLLGATE_YAML: &str = r#"listen: { grpc: "unix:SOCKET", admin: "127.0.0.1:0" }
identity: { managed_identity: {} }
clients:
  - id: mobile-app
    credentials:
      - { key: { sha256: "KEY_SHA256", slot: primary } }
    products: [standard]
products:
  - id: standard
    deployments: [gpt-4o, text-embedding-3-large]
    operations: [chat.completions, completions, embeddings, responses]
backends:
  - { name: sweden }
drain_timeout: 5s
"#;

/// The socket for Envoy, below the folder of a tollgate's files: in a folder of its own, since a folder
/// that Envoy enters may have nothing else of tollgate's.
pub const SOCKET: &str = "envoy/tollgate.sock";

/// A configuration with one client, `mobile-app`, and the product `standard`.
pub fn tollgate_yaml(socket: &Path, key: &TestKey) -> String {
    TOLLGATE_YAML
        .replace("SOCKET", &socket.to_string_lossy())
        .replace("KEY_SHA256", &key.sha256())
}

/// What tollgate is started with; kept, so that it can be started again.
#[derive(Clone, Debug)]
pub struct TollgateLaunch {
    /// Its tollgate.yaml.
    pub config: PathBuf,
    /// Environment variables on top of this process's own.
    pub environment: Vec<(String, String)>,
    /// What becomes of the audit log.
    pub audit: Output,
    /// A file that may not grow is an error of its write, not the end of the process (SIGXFSZ).
    pub ignores_file_limits: bool,
}

impl TollgateLaunch {
    /// A tollgate with its file in `directory`, which finds its managed identity as in App Service.
    pub fn new(directory: &Path, identity: &FakeIdentity) -> Self {
        Self {
            config: directory.join("tollgate.yaml"),
            environment: vec![
                ("IDENTITY_ENDPOINT".into(), identity.endpoint()),
                ("IDENTITY_HEADER".into(), identity.header_secret().into()),
            ],
            audit: Output::Kept,
            ignores_file_limits: false,
        }
    }

    /// Writes tollgate.yaml, each edit applied to it in turn, and makes the folder of [`SOCKET`].
    pub fn configure(&self, yaml: &str, edits: Vec<ConfigEdit>) -> Result<(), Failure> {
        let socket = self.config.with_file_name(SOCKET);
        let folder = socket.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| Failure::new(folder.display(), error))?;
        let text = edits
            .into_iter()
            .fold(yaml.to_owned(), |text, edit| edit(text));
        write(&self.config, &text)
    }
}

/// A running tollgate.
#[derive(Debug)]
pub struct Tollgate {
    child: Child,
    admin: String,
    http: reqwest::Client,
}

impl Tollgate {
    /// Starts `tollgate serve` and waits until it listens, which is not yet to be ready.
    pub async fn start(launch: &TollgateLaunch) -> Result<Self, Failure> {
        let binary = paths::binary("tollgate")?;
        let mut command = match launch.ignores_file_limits {
            true => {
                let mut shell = Command::new("sh");
                shell
                    .args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#])
                    .arg(binary);
                shell
            }
            false => Command::new(binary),
        };
        command.arg("serve").arg("--config").arg(&launch.config);
        for (name, value) in &launch.environment {
            command.env(name, value);
        }
        let mut child = Child::spawn("tollgate", command, launch.audit)?;
        let address = listening(&mut child).await?;
        Ok(Self {
            child,
            admin: format!("http://{address}"),
            http: reqwest::Client::new(),
        })
    }

    /// Waits until `/readyz` says so.
    pub async fn ready(&mut self) -> Result<(), Failure> {
        poll_for("tollgate to be ready", async || {
            let (http, url) = (&self.http, format!("{}/readyz", self.admin));
            let ready = matches!(get(http, &url).await, Ok((StatusCode::OK, _)));
            self.child
                .check_running()
                .err()
                .map(Err)
                .or(ready.then_some(Ok(())))
        })
        .await?
    }

    /// The URL of the admin listener, without a slash at the end.
    pub fn admin_url(&self) -> &str {
        &self.admin
    }

    /// Status and text of a page of the admin listener, such as `/readyz`.
    pub async fn admin(&self, path: &str) -> Result<(StatusCode, String), Failure> {
        get(&self.http, &format!("{}{path}", self.admin)).await
    }

    /// The metrics in Prometheus' text format.
    pub async fn metrics(&self) -> Result<String, Failure> {
        match self.admin("/metrics").await? {
            (StatusCode::OK, text) => Ok(text),
            (status, text) => Err(Failure::new("/metrics", format_args!("{status} {text}"))),
        }
    }

    /// The audit log: a line of JSON for each request.
    pub fn audit(&self) -> &Lines {
        self.child.stdout()
    }

    /// What it logs for operators: JSON on standard error.
    pub fn log(&self) -> &Lines {
        self.child.stderr()
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

/// Checks a configuration with `tollgate check`, and gives what it prints.
pub async fn check(config: &Path) -> Result<std::process::Output, Failure> {
    Command::new(paths::binary("tollgate")?)
        .args(["check", "--file-only"])
        .arg("--config")
        .arg(config)
        .output()
        .await
        .map_err(|error| Failure::new("tollgate check", error))
}

/// The address of the admin listener, which tollgate logs when it listens.
async fn listening(child: &mut Child) -> Result<String, Failure> {
    poll_for("tollgate to listen", async || {
        let lines = child.stderr().json();
        let address = lines.iter().find_map(admin_address);
        child.check_running().err().map(Err).or(address.map(Ok))
    })
    .await?
}

/// The fields of an event are at the top of the line, or below `fields`.
fn admin_address(line: &Value) -> Option<String> {
    let fields = line.get("fields").unwrap_or(line);
    let found = (fields["message"] == "listening").then(|| fields["admin"].as_str())?;
    found.map(str::to_owned)
}

async fn get(http: &reqwest::Client, url: &str) -> Result<(StatusCode, String), Failure> {
    let failed = |error| Failure::new(url, error);
    let response = http.get(url).send().await.map_err(failed)?;
    let status = response.status();
    Ok((status, response.text().await.map_err(failed)?))
}
