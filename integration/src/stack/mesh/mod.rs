//! An Envoy that a real control plane configures: what `tollgate envoy --for` writes, put through Envoy Gateway's or
//! Istio's own translation into xDS, and that into a file which Envoy starts with.
//!
//! `TOLLGATE_MESH=envoy-gateway` makes every [`Stack`](super::Stack) take its Envoy from there; `make mesh-test` sets it.
//! What is changed of the xDS is what a cluster has and a test has not: addresses of names, secrets, the port.

mod envoy_gateway;
mod istio;
mod manifests;
mod xds;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use self::istio::Proxy;
use super::config::EnvoyConfig;
use super::failure::Failure;
use super::options::ClientFiles;
use super::paths::repository;

/// Says which control plane configures Envoy.
const PLATFORM: &str = "TOLLGATE_MESH";
/// Where its translator is.
const TRANSLATOR: &str = "TOLLGATE_TRANSLATOR";

/// What a cluster would have.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// A folder for files.
    pub directory: PathBuf,
    /// The gateway's certificate and key.
    pub certificate: (PathBuf, PathBuf),
    /// The authority of the backends' certificates.
    pub authority: PathBuf,
    /// What names stand for: of the backends, in the order of tollgate.yaml.
    pub names: Vec<(String, SocketAddr)>,
    /// Kinds of manifests that the control plane is not told of.
    pub missing: Vec<String>,
    /// Variables of tollgate, which tollgate.yaml may name.
    pub environment: Vec<(String, String)>,
    /// What Envoy has of a tollgate that is a service.
    pub client: Option<ClientFiles>,
}

/// The control plane that this run asks for.
pub fn platform() -> Option<String> {
    std::env::var(PLATFORM).ok().filter(|it| !it.is_empty())
}

/// The configuration of an Envoy for a tollgate.yaml.
pub async fn configured(
    platform: &str,
    config: &Path,
    surroundings: &Surroundings,
) -> Result<EnvoyConfig, Failure> {
    let manifests = manifests::written(platform, config, surroundings).await?;
    let found = match platform {
        "envoy-gateway" => envoy_gateway::translated(&manifests, &surroundings.directory).await?,
        "istio" => istio::translated(Proxy::Gateway, &manifests, &surroundings.directory).await?,
        "istio-sidecar" => {
            istio::translated(Proxy::Sidecar, &manifests, &surroundings.directory).await?
        }
        other => return Err(Failure::new(PLATFORM, format_args!("no such one: {other}"))),
    };
    xds::bootstrap(found, surroundings)
}

/// The example of docs/meshes.md that has a word.
fn documented(word: &str) -> Result<String, Failure> {
    const PAGE: &str = "docs/meshes.md";
    let text = std::fs::read_to_string(repository(PAGE));
    let text = text.map_err(|error| Failure::new(PAGE, error))?;
    let mut blocks = text.split("```yaml\n").skip(1);
    let found = blocks.find_map(|it| it.split("```").next().filter(|it| it.contains(word)));
    let missing = || Failure::new(PAGE, format_args!("has no example with {word}"));
    found.map(ToOwned::to_owned).ok_or_else(missing)
}

/// The program that translates.
fn translator() -> Result<PathBuf, Failure> {
    let path = std::env::var_os(TRANSLATOR).map(PathBuf::from);
    path.ok_or_else(|| Failure::new(TRANSLATOR, "is not set: run: make mesh-test"))
}
