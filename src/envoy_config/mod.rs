//! The Envoy configuration that fits a tollgate.yaml: templates, and the values that go into them.
//!
//! `templates/` has a file for each part; `envoy.yaml` puts them together. A value is always written as one
//! whole scalar (`scalar.rs`), so that no name can become YAML of its own.

mod discovery;
mod mesh;
mod render;
mod scalar;
mod settings;
mod version;

pub use discovery::{BOOTSTRAP, CLUSTERS, Clusters, Discovery, LISTENERS, ROUTES};
pub use mesh::{ControlPlane, Platform, ReadYaml, manifests};
pub use render::{Part, RenderError, render};
pub use settings::{
    Address, Backend, Gateway, Kubernetes, SYSTEM_AUTHORITIES, Service, Settings, Sidecars, Tls,
    TollgateAddress, Tracing,
};
pub use version::Version;
