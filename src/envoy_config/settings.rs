//! What the templates need to know, all of it from tollgate.yaml.

use std::collections::BTreeMap;

use serde::Serialize;

use super::version::Version;

/// The authorities that the system knows: Debian's and Ubuntu's path, and that of Envoy's own image.
pub const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The cluster of the only backend, and what those of several begin with.
const CLUSTER: &str = "azure_openai";

/// Everything that goes into the templates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Where callers connect.
    pub listen: Address,
    /// Envoy's own admin endpoint.
    pub admin: Address,
    /// The certificate of the gateway; `None` where something in front ends TLS.
    pub tls: Option<Tls>,
    /// Client certificates are asked for, and shown to tollgate.
    pub certificates: bool,
    /// How many proxies in front may say where a caller is.
    pub trusted_hops: u32,
    /// Whose pages may call the gateway.
    pub allowed_origins: Vec<String>,
    /// Connections of callers at once.
    pub max_connections: u64,
    /// Memory that Envoy may have.
    pub max_heap_bytes: u64,
    /// Where tollgate is; `None` where nothing says how Envoys elsewhere reach it.
    pub tollgate: Option<TollgateAddress>,
    /// Headers in which clients name their end users, in order.
    pub user_headers: Vec<String>,
    /// How much of a request's body is held.
    pub body_buffer_bytes: usize,
    /// The same of transcriptions and translations.
    pub audio_body_buffer_bytes: usize,
    /// Callers see the headers that tell of the shared instance.
    pub keep_instance_headers: bool,
    /// There is a choice of backends: each attempt may go to another one.
    pub pooled: bool,
    /// Where Envoy sends its spans; `None`: it makes none.
    pub tracing: Option<Tracing>,
    /// The Envoy that it is written for; `None`: that of the tests.
    #[serde(skip)]
    pub version: Option<Version>,
    /// Whose they are in a cluster with a control plane; `None` where tollgate.yaml does not say.
    #[serde(skip)]
    pub kubernetes: Option<Kubernetes>,
    /// Where requests go.
    pub backends: Vec<Backend>,
}

impl Settings {
    /// With a cluster for each backend and the choice between them, also where there is only one.
    #[must_use]
    pub fn with_choice(mut self) -> Self {
        self.pooled = true;
        for backend in &mut self.backends {
            backend.cluster = Backend::cluster_of(&backend.name, true);
        }
        self
    }
}

impl Backend {
    /// The name of the cluster of a backend, which is the only one or one of several to choose from.
    pub fn cluster_of(name: &str, pooled: bool) -> String {
        match pooled {
            true => format!("{CLUSTER}.{name}"),
            false => CLUSTER.to_owned(),
        }
    }
}

/// An address to listen at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The IP address.
    pub address: String,
    /// The port.
    pub port: u16,
}

/// Files of the gateway's certificate, where Envoy sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// The certificate with its intermediates.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// A collector of spans, and which it gets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tracing {
    /// Its host.
    pub host: String,
    /// The host is an IP address.
    pub is_address: bool,
    /// Its port.
    pub port: u16,
    /// It is reached with TLS.
    pub tls: bool,
    /// The PEM file of the authorities that may have signed its certificate.
    pub trusted_ca: String,
    /// What Envoy calls itself.
    pub service_name: String,
    /// How many requests have spans, of those that are in no trace yet.
    pub sampling_percent: f64,
    /// A caller's trace goes on.
    pub follows_callers: bool,
}

/// tollgate's gRPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TollgateAddress {
    /// A Unix socket.
    Pipe {
        /// Its path.
        pipe: String,
    },
    /// A service with replicas.
    Service(Service),
    /// A loopback address.
    Socket(Address),
}

/// tollgate as a service that many Envoys share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its name, which its certificate must have.
    pub host: String,
    /// The name is an IP address.
    pub is_address: bool,
    /// Its port.
    pub port: u16,
    /// The certificate that Envoy shows.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The PEM file of the authorities that may have signed tollgate's certificate.
    pub trusted_ca: String,
}

/// What belongs to tollgate in a cluster whose Envoys a control plane configures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// The namespace of what is written.
    pub namespace: String,
    /// The names that callers use; all of the listener's where there are none.
    pub hostnames: Vec<String>,
    /// The Gateway that callers connect to.
    pub gateway: Option<Gateway>,
    /// The workloads that ask through their own sidecars.
    pub sidecars: Option<Sidecars>,
}

/// A Gateway that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The listener that is tollgate's.
    pub listener: String,
    /// The port at which its pods listen.
    pub port: u16,
    /// The labels of its pods.
    pub pods: BTreeMap<String, String>,
}

/// Workloads with sidecars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecars {
    /// Their namespace.
    pub namespace: String,
    /// The port of the backend's name that they ask at.
    pub port: u16,
    /// The labels of their pods.
    pub pods: BTreeMap<String, String>,
}

/// One Azure OpenAI resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backend {
    /// Its name in tollgate.yaml.
    pub name: String,
    /// The name of its cluster in Envoy.
    pub cluster: String,
    /// Its host; `None` where tollgate.yaml has no `endpoint`.
    pub host: Option<String>,
    /// The host is an IP address.
    pub is_address: bool,
    /// Its port.
    pub port: u16,
    /// The PEM file of the authorities that may have signed its certificate.
    pub trusted_ca: String,
}
