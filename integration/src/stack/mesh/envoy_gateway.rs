//! Envoy Gateway: `egctl experimental translate`, which is what its controller does.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use super::xds::{Xds, snake};
use super::{documented, translator};
use crate::stack::failure::Failure;
use crate::stack::files::write;

/// What is there before tollgate comes: a class, a Gateway, and its certificate.
const CLUSTER: &str = r#"---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: envoy }
spec: { controllerName: gateway.envoyproxy.io/gatewayclass-controller }
---
apiVersion: v1
kind: Namespace
metadata: { name: gateways }
---
apiVersion: v1
kind: Namespace
metadata: { name: tollgate }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gateway, namespace: gateways }
spec:
  gatewayClassName: envoy
  infrastructure:
    parametersRef: { group: gateway.envoyproxy.io, kind: EnvoyProxy, name: tollgate }
  listeners:
    - name: https
      protocol: HTTPS
      port: 443
      allowedRoutes: { namespaces: { from: All } }
      tls: { mode: Terminate, certificateRefs: [ { name: gateway } ] }
---
apiVersion: v1
kind: Secret
metadata: { name: gateway, namespace: gateways }
type: kubernetes.io/tls
data: { tls.crt: CERTIFICATE, tls.key: KEY }
---
apiVersion: v1
kind: Secret
metadata: { name: tollgate-client, namespace: tollgate }
type: kubernetes.io/tls
data: { tls.crt: CERTIFICATE, tls.key: KEY }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: tollgate-authorities, namespace: tollgate }
data: { ca.crt: AUTHORITY }
"#;

/// The xDS that Envoy Gateway makes of manifests.
pub(super) async fn translated(manifests: &str, directory: &Path) -> Result<Xds, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new("egctl", error);
    let file = directory.join("manifests.yaml");
    // A pair of its own: Envoy Gateway checks it, and the test's comes later.
    let own = rcgen::generate_simple_self_signed(vec!["gateway".to_owned()])
        .map_err(|error| failed(&error))?;
    let base64 = |text: String| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    let cluster = CLUSTER
        .replace("CERTIFICATE", &base64(own.cert.pem()))
        .replace("AUTHORITY", &Value::from(own.cert.pem()).to_string())
        .replace("KEY", &base64(own.signing_key.serialize_pem()));
    let proxy = documented("kind: EnvoyProxy")?;
    write(&file, &format!("{manifests}{cluster}---\n{proxy}"))?;
    let output = Command::new(translator()?)
        .args(["experimental", "translate", "--from", "gateway-api"])
        .args([
            "--to",
            "gateway-api,xds",
            "--type",
            "all",
            "--output",
            "json",
            "--file",
        ])
        .arg(&file)
        .output()
        .await
        .map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    let all: Value = serde_json::from_slice(&output.stdout).map_err(|error| failed(&error))?;
    accepted(&all)?;
    let dump = &all["xds"]["gateways/gateway"];
    let of = |list: &str, one: &str| -> Vec<Value> {
        let dumps = dump["configs"].as_array().into_iter().flatten();
        let items = dumps.filter_map(|it| it[list].as_array()).flatten();
        items
            .map(|it| snake(it.pointer(one).unwrap_or(&Value::Null)))
            .collect()
    };
    Ok(Xds {
        listeners: of("dynamicListeners", "/activeState/listener"),
        routes: of("dynamicRouteConfigs", "/routeConfig"),
        clusters: of("dynamicActiveClusters", "/cluster"),
        endpoints: of("dynamicEndpointConfigs", "/endpointConfig"),
        runtime: runtime(dump),
    })
}

/// The layers of the runtime in the bootstrap.
fn runtime(dump: &Value) -> Vec<Value> {
    let dumps = dump["configs"].as_array().into_iter().flatten();
    let layers = dumps.filter_map(|it| it.pointer("/bootstrap/layeredRuntime/layers")?.as_array());
    layers.flatten().map(snake).collect()
}

/// Fails where Envoy Gateway refuses something, by the status that it would write.
fn accepted(all: &Value) -> Result<(), Failure> {
    let mut refused = Vec::new();
    conditions(all, "", &mut refused);
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::new("Envoy Gateway refuses", refused.join("\n"))),
    }
}

fn conditions(value: &Value, path: &str, refused: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let is_condition = members.contains_key("lastTransitionTime");
            let is_refused = members.get("status").is_some_and(|it| it == "False");
            if is_condition && is_refused {
                refused.push(format!("{path}: {value}"));
            }
            for (name, member) in members {
                conditions(member, &format!("{path}/{name}"), refused);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                conditions(item, &format!("{path}/{number}"), refused);
            }
        }
        _ => {}
    }
}
