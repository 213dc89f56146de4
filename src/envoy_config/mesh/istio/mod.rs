//! Istio: routes and destinations, and EnvoyFilters of what they can't say, for a gateway and for sidecars.

mod filters;
mod place;
mod routes;

use serde_json::{Value, json};

use self::place::Place;
use super::own::Own;
use super::{Document, kubernetes};
use crate::envoy_config::render::RenderError;
use crate::envoy_config::settings::{Backend, Settings};

const NETWORKING: &str = "networking.istio.io/v1";
const FILTERS: &str = "networking.istio.io/v1alpha3";
/// The name of all that there is one of.
const NAME: &str = "tollgate";

pub(super) fn manifests(
    settings: &Settings,
    own: &Own,
) -> Result<(String, Vec<Document>), RenderError> {
    let kubernetes = kubernetes(settings, OR_SIDECARS)?;
    if let Some(backend) = settings.backends.iter().find(|it| it.is_address) {
        return Err(RenderError::NoName(backend.name.clone()));
    }
    let places = place::places(settings, kubernetes);
    if places.is_empty() {
        return Err(RenderError::NoGateway(OR_SIDECARS));
    }
    let mut documents = Vec::new();
    for place in &places {
        documents.extend(routes::destinations(settings, own, place));
        documents.push(filters::document(settings, own, place));
        documents.push(routes::document(settings, own, place));
    }
    Ok((head(settings, own, &places), documents))
}

const OR_SIDECARS: &str =
    ", or for sidecars `sidecars: { namespace: NAMESPACE, pods: { app: NAME }, port: PORT }`";

/// What a reader has to know before pasting it.
fn head(settings: &Settings, own: &Own, places: &[Place<'_>]) -> String {
    let certificates = match settings.certificates {
        true => ", for callers with client certificates",
        false => "",
    };
    let mut text = format!(
        "Istio in front of Azure OpenAI, with tollgate{certificates}.

Written by `tollgate envoy --for istio` from tollgate.yaml: change that file, and write this one again.
Tried with the pilot of Istio's main branch of 2026-08-27 (1.31): docs/meshes.md says what works, and what is lost.

Needed first:"
    );
    for place in places {
        text.push_str(&place.needed());
    }
    match own.service() {
        Some(service) => text.push_str(&format!(
            "
- In each of these pods the certificate that Envoy shows to tollgate, and the authorities of tollgate's own, as
  files of the proxy's container: {}, {}, {}
  (for a sidecar by the annotations `sidecar.istio.io/userVolume` and `userVolumeMount`).",
            service.certificate, service.key, service.trusted_ca
        )),
        None => text.push_str(
            "
- tollgate as a container in each of these pods: the proxy reaches it at `listen.grpc`. For a Service that proxies
  share write `envoy: { tollgate }`.",
        ),
    }
    if settings.pooled {
        text.push_str(
            "
- Several backends: a proxy whose Envoy is the one of `envoy: { version }` in tollgate.yaml.",
        );
    }
    text.push_str(
        "

What Istio can't be told here, and what is lost without it:
- limits of memory and of resets (`overload_manager`, `layered_runtime`): docs/meshes.md has an annotation with most of them
- tollgate's usage in the access log: `meshConfig.accessLogFormat`; the audit log and the metrics have it
- `meshConfig.extensionProviders` is not enough: it has no ext_proc, and its ext_authz merges repeated headers",
    );
    if settings.tracing.is_some() {
        text.push_str("\n- `envoy: { tracing }`: Istio's own Telemetry");
    }
    text.push('\n');
    text
}

/// What an object of Istio's is made of.
fn object(kind: &str, name: &str, namespace: &str, spec: Value) -> Value {
    json!({
        "apiVersion": if kind == "EnvoyFilter" { FILTERS } else { NETWORKING },
        "kind": kind,
        "metadata": { "name": name, "namespace": namespace },
        "spec": spec,
    })
}

fn host(backend: &Backend) -> &str {
    backend.host.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
