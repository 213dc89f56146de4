//! The same configuration for Envoys that a control plane configures: manifests of Kubernetes.
//!
//! What Envoy must do is taken from the configuration of an Envoy of one's own (`own.rs`), so that there is one place
//! where it is decided. A file for each control plane says it with what that one has, and patches the rest.

mod envoy_gateway;
mod istio;
mod json;
mod own;
mod units;
mod write;

use serde_json::Value;

use self::own::Own;
pub use self::own::ReadYaml;
use super::render::RenderError;
use super::settings::{Gateway, Kubernetes, SYSTEM_AUTHORITIES, Settings};

/// Whose Envoys they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// One's own.
    Standalone,
    /// Those of a control plane.
    Managed(ControlPlane),
}

/// What configures Envoys in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlPlane {
    /// Envoy Gateway.
    EnvoyGateway,
    /// Istio.
    Istio,
}

impl Platform {
    /// All of them: the name, and what is written.
    pub const NAMED: [(Self, &'static str, &'static str); 3] = [
        (
            Self::Standalone,
            "standalone",
            "An Envoy of your own: a file that it starts with",
        ),
        (
            Self::Managed(ControlPlane::EnvoyGateway),
            "envoy-gateway",
            "Envoy Gateway: manifests for Kubernetes",
        ),
        (
            Self::Managed(ControlPlane::Istio),
            "istio",
            "Istio, a gateway or sidecars: manifests for Kubernetes",
        ),
    ];

    /// The platform of a name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::NAMED.into_iter();
        all.find(|(_, own, _)| *own == name).map(|it| it.0)
    }
}

/// A manifest, and what there is to know about it.
struct Document {
    comment: String,
    value: Value,
}

impl Document {
    fn new(comment: &str, value: Value) -> Self {
        Self {
            comment: comment.to_owned(),
            value,
        }
    }
}

/// Writes the manifests for a control plane.
///
/// # Errors
/// [`RenderError`]
pub fn manifests(
    settings: &Settings,
    control_plane: ControlPlane,
    read: ReadYaml,
) -> Result<String, RenderError> {
    let own = Own::of(settings, read)?;
    let (head, documents) = match control_plane {
        ControlPlane::EnvoyGateway => envoy_gateway::manifests(settings, &own)?,
        ControlPlane::Istio => istio::manifests(settings, &own)?,
    };
    let mut text = comment(&head);
    for (number, document) in documents.iter().enumerate() {
        // Nothing but comments would be a document of its own, which not all readers take.
        text.push_str(if number == 0 { "\n" } else { "---\n" });
        text.push_str(&comment(&document.comment));
        text.push_str(&write::block(&document.value));
    }
    Ok(text)
}

fn comment(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "#\n".to_owned(),
        line => format!("# {line}\n"),
    });
    lines.collect()
}

/// Where the manifests belong.
fn kubernetes<'a>(
    settings: &'a Settings,
    more: &'static str,
) -> Result<&'a Kubernetes, RenderError> {
    let kubernetes = settings.kubernetes.as_ref();
    kubernetes.ok_or(RenderError::NoGateway(more))
}

/// The Gateway that callers connect to.
fn gateway(kubernetes: &Kubernetes) -> Result<&Gateway, RenderError> {
    let gateway = kubernetes.gateway.as_ref();
    gateway.ok_or(RenderError::NoGateway(""))
}

/// The name of each backend's object: as in tollgate.yaml, where Kubernetes takes it.
fn object_names(settings: &Settings) -> Vec<String> {
    let name = |(number, name): (usize, &String)| {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        match name.chars().all(is_plain) && !name.ends_with('-') && name.len() <= 50 {
            true => format!("azure-{name}"),
            // Behind a dot, where no name of a backend can be.
            false => format!("azure.{}", number + 1),
        }
    };
    let names = settings.backends.iter().map(|it| &it.name);
    names.enumerate().map(name).collect()
}

/// The file of authorities is one of the backend's own, and not the system's.
fn has_own_authorities(trusted_ca: &str) -> bool {
    trusted_ca != SYSTEM_AUTHORITIES
}

#[cfg(test)]
mod testing;
