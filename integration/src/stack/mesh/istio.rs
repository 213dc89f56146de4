//! Istio: pilot's own generation of a proxy's configuration, by the program in integration/mesh/istio.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use super::xds::Xds;
use super::{documented, translator};
use crate::stack::failure::Failure;
use crate::stack::files::write;
use crate::stack::running::BACKEND_HOST;

/// What is there before tollgate comes: a Gateway with its certificate.
const GATEWAY: &str = r#"---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gateway, namespace: gateways }
spec:
  selector: { istio: ingressgateway }
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      tls: { mode: SIMPLE, credentialName: gateway }
      hosts: ["*"]
"#;

/// Which of Istio's proxies it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    Gateway,
    Sidecar,
}

/// The xDS that Istio makes of manifests.
pub(super) async fn translated(
    proxy: Proxy,
    manifests: &str,
    directory: &Path,
) -> Result<Xds, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new("pilot", error);
    let file = directory.join("manifests.yaml");
    write(&file, &format!("{manifests}{GATEWAY}"))?;
    let mut command = Command::new(translator()?);
    let output_file = directory.join("xds.json");
    command.arg("-file").arg(&file);
    command.arg("-output").arg(&output_file);
    let annotation = directory.join("proxy-config.yaml");
    write(&annotation, &proxy_config()?)?;
    command.arg("-proxy-config").arg(&annotation);
    match proxy {
        Proxy::Gateway => command.args(["-namespace", "gateways"]),
        Proxy::Sidecar => command.args(["-sidecar", "-namespace", "apps", "-labels", "app=chat"]),
    };
    let output = command.output().await.map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    let text = std::fs::read(&output_file).map_err(|error| failed(&error))?;
    let all: Value = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    let of = |name: &str| -> Vec<Value> {
        let list = all[name].as_array().into_iter().flatten().cloned();
        list.map(without_istios_own).collect()
    };
    let (mut listeners, mut routes) = (of("listeners"), of("routes"));
    if proxy == Proxy::Sidecar {
        listeners.retain(|it| it["name"] == "0.0.0.0_8080");
        routes.iter_mut().for_each(asked_by_any_name);
    }
    Ok(Xds {
        listeners,
        routes,
        clusters: of("clusters"),
        endpoints: of("endpoints"),
        runtime: vec![json!({ "name": "global config", "static_layer": all["runtime"] })],
    })
}

/// The annotation of the proxy's pod, in the documentation.
fn proxy_config() -> Result<String, Failure> {
    const NAME: &str = "proxy.istio.io/config";
    let failed = |error: &dyn std::fmt::Display| Failure::new(NAME, error);
    let example: Value =
        serde_saphyr::from_str(&documented(NAME)?).map_err(|error| failed(&error))?;
    let annotation = example["metadata"]["annotations"][NAME].as_str();
    annotation
        .map(ToOwned::to_owned)
        .ok_or_else(|| failed(&"is not in the example of docs/meshes.md"))
}

/// Telemetry and protocols of the mesh are filters that only Istio's build of Envoy has.
fn without_istios_own(value: Value) -> Value {
    let is_own = |it: &Value| {
        let name = it["name"].as_str().unwrap_or_default();
        name.starts_with("istio.") || name.starts_with("envoy.filters.http.peer_metadata")
    };
    match value {
        Value::Object(members) => {
            let kept = members
                .into_iter()
                .map(|(name, member)| match (name.as_str(), member) {
                    ("http_filters" | "filters", Value::Array(items)) => {
                        let kept = items.into_iter().filter(|it| !is_own(it));
                        (name, kept.map(without_istios_own).collect())
                    }
                    (_, member) => (name, without_istios_own(member)),
                });
            Value::Object(kept.collect())
        }
        Value::Array(items) => items.into_iter().map(without_istios_own).collect(),
        other => other,
    }
}

/// Callers of the tests know the gateway by a name of its own; applications would ask for Azure's.
fn asked_by_any_name(routes: &mut Value) {
    let Some(hosts) = routes["virtual_hosts"].as_array_mut() else {
        return;
    };
    let is_ours = |it: &Value| {
        let name = it["name"].as_str().unwrap_or_default();
        name.starts_with(BACKEND_HOST)
    };
    if hosts.iter().any(is_ours) {
        hosts.retain(is_ours);
        hosts.iter_mut().for_each(|it| it["domains"] = json!(["*"]));
    }
}
