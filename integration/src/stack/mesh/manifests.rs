//! What `tollgate envoy --for` writes for a test.

use std::path::Path;

use tokio::process::Command;

use super::Surroundings;
use crate::stack::failure::Failure;
use crate::stack::files::write;
use crate::stack::paths::binary;

/// Where the Gateway of the tests is.
const GATEWAY: &str = "  kubernetes: { gateway: { name: gateway, namespace: gateways } }\n";
/// And the workloads that ask through their sidecars.
const SIDECARS: &str =
    "  kubernetes: { sidecars: { namespace: apps, pods: { app: chat }, port: 8080 } }\n";

/// The manifests for a tollgate.yaml in which backends have the names that they have at Azure.
pub(super) async fn written(
    platform: &str,
    config: &Path,
    surroundings: &Surroundings,
) -> Result<String, Failure> {
    let text =
        std::fs::read_to_string(config).map_err(|error| Failure::new(config.display(), error))?;
    let named = surroundings.names.iter().fold(text, |text, (name, at)| {
        text.replace(&format!("https://{at}"), &format!("https://{name}"))
    });
    let trusted = named.replace(", ca_file: authority.pem", "");
    let (platform, placement) = match platform {
        "istio-sidecar" => ("istio", SIDECARS),
        other => (other, GATEWAY),
    };
    let placed = match trusted.contains("\nenvoy:\n") {
        true => trusted.replace("\nenvoy:\n", &format!("\nenvoy:\n{placement}")),
        false => format!("{trusted}envoy:\n{placement}"),
    };
    // Beside the other, since both name files from there.
    let file = config.with_file_name("tollgate-mesh.yaml");
    write(&file, &placed)?;
    let failed = |error: &dyn std::fmt::Display| Failure::new("tollgate envoy --for", error);
    let output = Command::new(binary("tollgate")?)
        .args(["envoy", "--for", platform, "--config"])
        .arg(&file)
        .envs(surroundings.environment.iter().cloned())
        .output()
        .await
        .map_err(|error| failed(&error))?;
    match output.status.success() {
        true => {
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(without(&text, &surroundings.missing))
        }
        false => Err(failed(&String::from_utf8_lossy(&output.stderr))),
    }
}

/// Leaves out what is of these kinds.
fn without(manifests: &str, kinds: &[String]) -> String {
    let is_kept = |document: &&str| {
        let mut lines = document.lines();
        !lines.any(|line| kinds.iter().any(|kind| line == format!("kind: {kind}")))
    };
    let kept: Vec<_> = manifests.split("\n---\n").filter(is_kept).collect();
    kept.join("\n---\n")
}
