//! What a test wants of its stack, and how it differs from what users run.

use std::future::pending;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use super::child::Output;
use super::config::EnvoyConfig;
use super::decisions::{Decisions, serve};
use super::envoy::Launch;
use super::failure::Failure;
use super::tollgate::ConfigEdit;
use crate::fakes::azure::AzureOptions;
use crate::fakes::identity::IdentityOptions;

/// A change of Envoy's configuration.
pub(super) type EnvoyEdit = Box<dyn FnOnce(&mut EnvoyConfig) + Send>;
/// Starts a service in tollgate's place on a unix socket.
pub(super) type Substitute =
    Box<dyn FnOnce(&Path) -> Result<JoinHandle<()>, Failure> + Send + 'static>;

/// Who answers Envoy's ext_authz and ext_proc.
pub(super) enum Service {
    /// The real tollgate.
    Tollgate,
    /// A service of the test's own.
    Substitute(Substitute),
    /// Nobody: there is no socket.
    Nobody,
}

/// How to start a [`Stack`](super::Stack). The default is what users run: `envoy/standalone.yaml`,
/// tollgate with one client, and a fake Azure OpenAI behind TLS.
pub struct Options {
    pub(super) service: Service,
    pub(super) envoy_edits: Vec<EnvoyEdit>,
    pub(super) config_edits: Vec<ConfigEdit>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) ignores_file_limits: bool,
    pub(super) azure: AzureOptions,
    pub(super) others: Vec<AzureOptions>,
    pub(super) identity: IdentityOptions,
    pub(super) launch: Launch,
    pub(super) echo: bool,
    pub(super) wait_until_ready: bool,
    pub(super) mtls: bool,
    pub(super) by_address: bool,
    pub(super) written: bool,
    pub(super) missing_manifests: Vec<String>,
    pub(super) shared: Option<ClientFiles>,
}

/// What Envoy shows to a tollgate that is a service, and whom it trusts there.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// Its certificate.
    pub certificate: PathBuf,
    /// The key of that.
    pub key: PathBuf,
    /// The authorities of tollgate's certificate.
    pub authorities: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            service: Service::Tollgate,
            envoy_edits: Vec::new(),
            config_edits: Vec::new(),
            environment: Vec::new(),
            ignores_file_limits: false,
            azure: AzureOptions::default(),
            others: Vec::new(),
            identity: IdentityOptions::default(),
            launch: Launch {
                concurrency: 1,
                access_log: Output::Kept,
            },
            echo: false,
            wait_until_ready: true,
            mtls: false,
            by_address: false,
            written: false,
            missing_manifests: Vec::new(),
            shared: None,
        }
    }
}

impl Options {
    /// A service of the test's own answers in tollgate's place.
    pub fn decisions(mut self, decisions: impl Decisions) -> Self {
        self.service = Service::Substitute(Box::new(move |socket| {
            let serving = serve(socket, decisions, pending())
                .map_err(|error| Failure::new(socket.display(), error))?;
            Ok(tokio::spawn(async move { drop(serving.await) }))
        }));
        self
    }

    /// Nothing listens where Envoy expects tollgate.
    pub fn without_tollgate(mut self) -> Self {
        self.service = Service::Nobody;
        self
    }

    /// The backend answers with what it was sent, on plain HTTP, and is not Azure.
    pub fn echo_backend(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Changes Envoy's configuration, after the addresses.
    pub fn edit_envoy(mut self, edit: impl FnOnce(&mut EnvoyConfig) + Send + 'static) -> Self {
        self.envoy_edits.push(Box::new(edit));
        self
    }

    /// Changes the text of tollgate.yaml.
    pub fn edit_config(mut self, edit: impl FnOnce(String) -> String + Send + 'static) -> Self {
        self.config_edits.push(Box::new(edit));
        self
    }

    /// Sets an environment variable of tollgate's.
    pub fn tollgate_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// tollgate outlives a file that may not grow: for tests of a full disk.
    pub fn ignoring_file_limits(mut self) -> Self {
        self.ignores_file_limits = true;
        self
    }

    /// How the fake Azure OpenAI behaves. Its TLS and its token secret are the stack's business.
    pub fn azure(mut self, options: AzureOptions) -> Self {
        self.azure = options;
        self
    }

    /// There are more backends besides the first, `sweden`, each with the name of its options. Envoy runs what
    /// `tollgate envoy` writes then.
    pub fn more_backends(mut self, others: Vec<AzureOptions>) -> Self {
        self.others = others;
        self
    }

    /// Envoy runs the file for several backends as it is written, with their addresses for names.
    pub fn backends_by_address(mut self) -> Self {
        self.by_address = true;
        self
    }

    /// Envoy runs what `tollgate envoy` writes from tollgate.yaml, also with one backend.
    pub fn envoy_as_written(mut self) -> Self {
        self.written = true;
        self
    }

    /// What a control plane is not told: manifests of a kind. An Envoy of one's own has none.
    pub fn without_manifests(mut self, kinds: &[&str]) -> Self {
        self.missing_manifests = kinds.iter().map(|&it| it.to_owned()).collect();
        self
    }

    /// tollgate is a service, at the address of `envoy: { tollgate }`, with these files at Envoy.
    pub fn shared(mut self, files: ClientFiles) -> Self {
        self.shared = Some(files);
        self.envoy_as_written()
    }

    /// How the fake identity endpoint behaves.
    pub fn identity(mut self, options: IdentityOptions) -> Self {
        self.identity = options;
        self
    }

    /// Envoy's worker threads; one by default.
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.launch.concurrency = workers;
        self
    }

    /// Envoy runs `envoy/standalone-mtls.yaml`: it asks callers for certificates.
    pub fn mtls(mut self) -> Self {
        self.mtls = true;
        self
    }

    /// Start without waiting for tollgate's `/readyz`: for tests of why it is not ready.
    pub fn dont_wait_until_ready(mut self) -> Self {
        self.wait_until_ready = false;
        self
    }
}
