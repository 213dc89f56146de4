//! Envoy Gateway: routes, policies, and patches of what they can't say.

mod patches;
mod policies;
mod routes;

use serde_json::{Value, json};

use super::own::Own;
use super::{Document, gateway, has_own_authorities, kubernetes, object_names};
use crate::envoy_config::mesh::json::Members as _;
use crate::envoy_config::render::RenderError;
use crate::envoy_config::settings::{Gateway, Kubernetes, Settings, TollgateAddress};

const API: &str = "gateway.envoyproxy.io/v1alpha1";
const GROUP: &str = "gateway.envoyproxy.io";
const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";
/// The name of all that there is one of.
const NAME: &str = "tollgate";
/// The secret with the certificate that Envoy shows to tollgate, and the authorities of tollgate's own.
const CLIENT_SECRET: &str = "tollgate-client";
const AUTHORITIES: &str = "tollgate-authorities";

/// What goes into the manifests.
struct Input<'a> {
    settings: &'a Settings,
    own: &'a Own,
    kubernetes: &'a Kubernetes,
    gateway: &'a Gateway,
    /// The backends' objects.
    backends: Vec<String>,
}

pub(super) fn manifests(
    settings: &Settings,
    own: &Own,
) -> Result<(String, Vec<Document>), RenderError> {
    let kubernetes = kubernetes(settings, "")?;
    if let Some(backend) = settings.backends.iter().find(|it| it.is_address) {
        return Err(RenderError::NoName(backend.name.clone()));
    }
    let input = Input {
        settings,
        own,
        kubernetes,
        gateway: gateway(kubernetes)?,
        backends: object_names(settings),
    };
    let mut documents = tollgate(&input);
    documents.extend(backends(&input));
    // In the order in which they are applied: no route is there before what decides about it.
    documents.extend(policies::documents(&input));
    documents.push(patches::document(&input));
    documents.extend(routes::documents(&input));
    Ok((head(&input), documents))
}

/// What a reader has to know before pasting it.
fn head(input: &Input<'_>) -> String {
    let gateway = input.gateway;
    let certificates = match input.settings.certificates {
        true => ", for callers with client certificates",
        false => "",
    };
    let mut text = format!(
        "Envoy Gateway 1.9 in front of Azure OpenAI, with tollgate{certificates}.

Written by `tollgate envoy --for envoy-gateway` from tollgate.yaml: change that file, and write this one again.
Tried with Envoy Gateway 1.9.1: docs/meshes.md says what works, and what is lost.

Needed first:
- The Gateway `{}` in the namespace `{}`, with a listener `{}` that is tollgate's alone: limits, paths and error
  pages below are the listener's. It must take routes from the namespace `{}`.
- In the configuration of Envoy Gateway: `extensionApis: {{ enableBackend: true, enableEnvoyPatchPolicy: true }}`.
  Without the patches Envoy answers some requests with statuses of its own, and products with `networks` see the
  address of the last proxy only.",
        gateway.name, gateway.namespace, gateway.listener, input.kubernetes.namespace
    );
    match input.own.service() {
        Some(service) => text.push_str(&format!(
            "
- In the namespace `{ns}` the certificate that Envoy shows to tollgate, and the authorities of tollgate's own:
  kubectl -n {ns} create secret tls {CLIENT_SECRET} --cert={} --key={}
  kubectl -n {ns} create configmap {AUTHORITIES} --from-file=ca.crt={}",
            service.certificate,
            service.key,
            service.trusted_ca,
            ns = input.kubernetes.namespace
        )),
        None => text.push_str(
            "
- tollgate as a container in each pod of Envoy's (`EnvoyProxy`: `provider.kubernetes.envoyDeployment.patch`): it is
  reached at `listen.grpc`. For a Service that Envoys share write `envoy: { tollgate }`.",
        ),
    }
    for (backend, object) in input.settings.backends.iter().zip(&input.backends) {
        if has_own_authorities(&backend.trusted_ca) {
            text.push_str(&format!(
                "
- The authorities of `{}`: kubectl -n {} create configmap {object} --from-file=ca.crt={}",
                backend.name, input.kubernetes.namespace, backend.trusted_ca
            ));
        }
    }
    text.push_str(
        "

What Envoy Gateway can't be told here, and what is lost without it:
- limits of memory and of resets (`overload_manager`, `layered_runtime`): docs/meshes.md has an EnvoyProxy with them
- tollgate's usage in the access log: `EnvoyProxy`: `telemetry.accessLog`; the audit log and the metrics have it",
    );
    if input.settings.tracing.is_some() {
        text.push_str("\n- `envoy: { tracing }`: `EnvoyProxy`: `telemetry.tracing`");
    }
    text.push('\n');
    text
}

fn meta(name: &str, namespace: &str) -> Value {
    json!({ "name": name, "namespace": namespace })
}

/// The objects of Envoy Gateway that are told of by a route.
fn object(kind: &str, input: &Input<'_>, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": API,
        "kind": kind,
        "metadata": meta(name, &input.kubernetes.namespace),
        "spec": spec,
    })
}

fn target_route() -> Value {
    json!([{ "group": GATEWAY_GROUP, "kind": "HTTPRoute", "name": NAME }])
}

fn backend_ref(name: &str) -> Value {
    json!({ "group": GROUP, "kind": "Backend", "name": name })
}

fn tls_policy(input: &Input<'_>, name: &str, host: &str, authorities: Option<&str>) -> Value {
    let mut validation = json!({ "hostname": host });
    match authorities {
        Some(name) => {
            validation.put(
                "caCertificateRefs",
                json!([{ "group": "", "kind": "ConfigMap", "name": name }]),
            );
        }
        None => validation.put("wellKnownCACertificates", json!("System")),
    }
    json!({
        "apiVersion": GATEWAY_API,
        "kind": "BackendTLSPolicy",
        "metadata": meta(name, &input.kubernetes.namespace),
        "spec": {
            "targetRefs": [{ "group": GROUP, "kind": "Backend", "name": name }],
            "validation": validation,
        },
    })
}

/// Where tollgate is.
fn tollgate(input: &Input<'_>) -> Vec<Document> {
    let (endpoint, host) = match &input.own.address {
        TollgateAddress::Pipe { pipe } => (json!({ "unix": { "path": pipe } }), None),
        TollgateAddress::Socket(at) => (
            json!({ "ip": { "address": at.address, "port": at.port } }),
            None,
        ),
        TollgateAddress::Service(at) if at.is_address => (
            json!({ "ip": { "address": at.host, "port": at.port } }),
            Some(&at.host),
        ),
        TollgateAddress::Service(at) => (
            json!({ "fqdn": { "hostname": at.host, "port": at.port } }),
            Some(&at.host),
        ),
    };
    let mut spec = json!({ "endpoints": [endpoint] });
    match host {
        None => spec.put("appProtocols", json!([format!("{GROUP}/h2c")])),
        Some(_) => {
            spec.put("tls", json!({
                "clientCertificateRef": { "group": "", "kind": "Secret", "name": CLIENT_SECRET },
                "alpnProtocols": ["h2"],
            }));
        }
    }
    let backend = object("Backend", input, NAME, spec);
    let mut all = vec![Document::new(
        "Where tollgate is: gRPC, from each Envoy.",
        backend,
    )];
    if let Some(host) = host {
        all.push(Document::new(
            "Whoever answers there gives out the identity's token: it must be tollgate.",
            tls_policy(input, NAME, host, Some(AUTHORITIES)),
        ));
    }
    all
}

/// Where requests go.
fn backends(input: &Input<'_>) -> Vec<Document> {
    let mut all = Vec::new();
    for (backend, name) in input.settings.backends.iter().zip(&input.backends) {
        let host = backend.host.as_deref().unwrap_or_default();
        let endpoint = json!({ "fqdn": { "hostname": host, "port": backend.port } });
        let own = has_own_authorities(&backend.trusted_ca).then_some(name.as_str());
        let comment = format!("The backend `{}` of tollgate.yaml.", backend.name);
        all.push(Document::new(
            &comment,
            object(
                "Backend",
                input,
                name,
                // One connection for one request, so one that breaks takes no other with it.
                json!({ "endpoints": [endpoint], "tls": { "alpnProtocols": ["http/1.1"] } }),
            ),
        ));
        all.push(Document::new("", tls_policy(input, name, host, own)));
    }
    all
}

#[cfg(test)]
mod tests;
