//! The running stack, and how its parts are put together.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::client::Callers;
use super::config::{Backend, EnvoyConfig};
use super::echo::Echo;
use super::envoy::Envoy;
use super::failure::Failure;
use super::files::Files;
use super::key::TestKey;
use super::mesh::{self, Surroundings};
use super::options::{Options, Service};
use super::tollgate::{SOCKET, Tollgate, TollgateLaunch, tollgate_yaml};
use crate::fakes::azure::FakeAzure;
use crate::fakes::identity::FakeIdentity;

/// The name under which Envoy knows the fake Azure OpenAI.
pub const BACKEND_HOST: &str = "acme-sweden.openai.azure.com";
/// A chat completion on a deployment that the client `mobile-app` may use.
pub const CHAT_PATH: &str = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";

/// Everything that a request passes through, running. Dropping it ends it all.
pub struct Stack {
    /// The real Envoy.
    pub envoy: Envoy,
    /// Those who call.
    pub callers: Callers,
    /// The key of the client `mobile-app`.
    pub key: TestKey,
    /// The fake Azure OpenAI.
    pub azure: FakeAzure,
    /// More of them, where the test asked for some.
    pub others: Vec<FakeAzure>,
    /// The fake managed identity endpoint.
    pub identity: FakeIdentity,
    tollgate: Option<Tollgate>,
    launch: TollgateLaunch,
    substitute: Option<JoinHandle<()>>,
    files: Files,
    config: EnvoyConfig,
    directory: TempDir,
    /// Only owned, so that it ends with the rest.
    _echo: Option<Echo>,
}

impl Stack {
    /// Starts everything and waits until it serves.
    ///
    /// # Panics
    /// Where a part does not start; with its output.
    pub async fn start(options: Options) -> Self {
        let started = Self::try_start(options).await;
        started.unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Starts everything and waits until it serves, or says which part does not.
    pub async fn try_start(mut options: Options) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|error| Failure::new("no directory", error))?;
        let files = Files::write(directory.path())?;
        let identity = FakeIdentity::start(options.identity.clone()).await;
        options.azure.token_secret = identity.token_secret();
        options.azure.listen = files.listen_as(BACKEND_HOST)?;
        let azure = FakeAzure::start(options.azure.clone()).await;
        let mut others = Vec::new();
        for other in &mut options.others {
            other.token_secret = identity.token_secret();
            other.listen = files.listen_as(&host_of(&other.name))?;
            others.push(FakeAzure::start(other.clone()).await);
        }
        let echo = match options.echo {
            true => Some(Echo::start().await?),
            false => None,
        };

        let key = TestKey::numbered(1);
        let socket = directory.path().join(SOCKET);
        let mut launch = TollgateLaunch::new(directory.path(), &identity);
        launch.environment.append(&mut options.environment);
        launch.ignores_file_limits = options.ignores_file_limits;
        let mut backend_of = described("sweden", &azure);
        for (other, azure) in options.others.iter().zip(&others) {
            backend_of.push_str("\n  - ");
            backend_of.push_str(&described(&other.name, azure));
        }
        let yaml = tollgate_yaml(&socket, &key).replace("{ name: sweden }", &backend_of);
        launch.configure(&yaml, options.config_edits)?;
        let (tollgate, substitute) = serve(options.service, &launch, &socket).await?;

        // A service is where the configuration says.
        let own_socket = options.shared.is_none().then_some(socket.as_path());
        let is_partial = !options.missing_manifests.is_empty();
        let mut config = match (mesh::platform(), options.mtls, others.is_empty()) {
            (Some(platform), _, _) => {
                let mut names = vec![(
                    BACKEND_HOST.to_owned(),
                    echo.as_ref().map_or(azure.addr, |echo| echo.address),
                )];
                let more = options.others.iter().zip(&others);
                names.extend(more.map(|(other, azure)| (host_of(&other.name), azure.addr)));
                let surroundings = Surroundings {
                    directory: directory.path().to_owned(),
                    certificate: (files.certificate.clone(), files.key.clone()),
                    authority: files.authority.clone(),
                    names,
                    missing: options.missing_manifests,
                    environment: launch.environment.clone(),
                    client: options.shared.clone(),
                };
                mesh::configured(&platform, &launch.config, &surroundings).await?
            }
            (None, true, _) => EnvoyConfig::standalone_mtls()?,
            (None, false, true) if !options.written => EnvoyConfig::standalone()?,
            (None, false, _) => {
                EnvoyConfig::written_from(&launch.config, &launch.environment).await?
            }
        };
        config.listen_on_loopback();
        match others.is_empty() {
            _ if is_partial => {}
            _ if mesh::platform().is_some() => config.pass_switches_of_fakes(),
            true => {
                place(&mut config, &files, own_socket);
                config.backend(backend(&azure, echo.as_ref(), &files));
            }
            false if options.by_address => {
                place(&mut config, &files, own_socket);
                config.pass_switches_of_fakes();
            }
            false => {
                place(&mut config, &files, own_socket);
                let names = options.others.iter().map(|it| it.name.as_str());
                let hosts: Vec<_> = names.clone().map(host_of).collect();
                let mut all = vec![(
                    "azure_openai.sweden".to_owned(),
                    backend(&azure, None, &files),
                )];
                for ((name, host), azure) in names.zip(&hosts).zip(&others) {
                    let backend = Backend {
                        address: azure.addr,
                        host,
                        authority: Some(&files.authority),
                    };
                    all.push((format!("azure_openai.{name}"), backend));
                }
                config.backends(&all);
            }
        }
        for edit in options.envoy_edits {
            edit(&mut config);
        }
        let envoy = Envoy::start(&config, directory.path(), options.launch).await?;
        let mut stack = Self {
            callers: Callers::new(envoy.address(), files.authority_pem())?,
            envoy,
            key,
            azure,
            others,
            identity,
            tollgate,
            launch,
            substitute,
            files,
            config,
            directory,
            _echo: echo,
        };
        if let (Some(tollgate), true) = (&mut stack.tollgate, options.wait_until_ready) {
            tollgate.ready().await?;
        }
        Ok(stack)
    }

    /// The running tollgate.
    ///
    /// # Panics
    /// Where the test asked for none.
    pub fn tollgate(&self) -> &Tollgate {
        self.tollgate.as_ref().expect("this stack has no tollgate")
    }

    /// The running tollgate, to signal or stop it.
    ///
    /// # Panics
    /// Where the test asked for none.
    pub fn tollgate_mut(&mut self) -> &mut Tollgate {
        self.tollgate.as_mut().expect("this stack has no tollgate")
    }

    /// Kills tollgate, if it still runs, and starts it again with the same configuration file.
    pub async fn restart_tollgate(&mut self) -> Result<(), Failure> {
        if let Some(mut old) = self.tollgate.take() {
            old.child().kill().await?;
        }
        let mut tollgate = Tollgate::start(&self.launch).await?;
        tollgate.ready().await?;
        self.tollgate = Some(tollgate);
        Ok(())
    }

    /// What Envoy was started with.
    pub fn envoy_config(&self) -> &EnvoyConfig {
        &self.config
    }

    /// The path of tollgate.yaml, to read it or to replace it.
    pub fn config_path(&self) -> &Path {
        &self.launch.config
    }

    /// The PEM file of the authority that signed the gateway's certificate.
    pub fn authority(&self) -> &Path {
        &self.files.authority
    }

    /// A directory that goes with the stack.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The socket that Envoy connects to.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join(SOCKET)
    }

    /// A chat completion by the client `mobile-app`, over HTTP/1.1.
    pub fn chat(&self, body: &Value) -> reqwest::RequestBuilder {
        self.post(CHAT_PATH, body)
    }

    /// A POST by the client `mobile-app`, over HTTP/1.1.
    pub fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.callers
            .http1()
            .post(self.callers.url(path))
            .header("api-key", self.key.text())
            .json(body)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(substitute) = &self.substitute {
            substitute.abort();
        }
    }
}

async fn serve(
    service: Service,
    launch: &TollgateLaunch,
    socket: &Path,
) -> Result<(Option<Tollgate>, Option<JoinHandle<()>>), Failure> {
    Ok(match service {
        Service::Tollgate => (Some(Tollgate::start(launch).await?), None),
        Service::Substitute(start) => (None, Some(start(socket)?)),
        Service::Nobody => (None, None),
    })
}

/// The files and the socket of a test, in place of those of the file.
fn place(config: &mut EnvoyConfig, files: &Files, socket: Option<&Path>) {
    config.certificate(&files.certificate, &files.key);
    if let Some(socket) = socket {
        config.tollgate_socket(socket);
    }
}

/// The name under which Envoy knows one of several backends.
fn host_of(name: &str) -> String {
    format!("acme-{name}.openai.azure.com")
}

/// A backend in tollgate.yaml.
fn described(name: &str, azure: &FakeAzure) -> String {
    format!(
        "{{ name: {name}, endpoint: \"{}\", ca_file: authority.pem }}",
        azure.url()
    )
}

fn backend<'a>(azure: &FakeAzure, echo: Option<&Echo>, files: &'a Files) -> Backend<'a> {
    Backend {
        address: echo.map_or(azure.addr, |echo| echo.address),
        host: BACKEND_HOST,
        authority: echo.is_none().then_some(files.authority.as_path()),
    }
}
