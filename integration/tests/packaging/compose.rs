//! docker-compose.yml and the configurations that it mounts.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{root, succeeds, text, there, tollgate, yaml};

const COMPOSE: &str = "docker-compose.yml";
const CONFIGURATION: &str = "deploy/tollgate.yaml";

fn services() -> Vec<(String, Value)> {
    let compose = yaml(COMPOSE);
    let services = compose["services"].as_object().expect("services").clone();
    assert!(services.len() > 4, "only {} services", services.len());
    services.into_iter().collect()
}

/// A service of the demo stack.
pub(crate) fn service(name: &str) -> Value {
    let (_, service) = services()
        .into_iter()
        .find(|(other, _)| other == name)
        .unwrap_or_else(|| panic!("{COMPOSE} has no {name}"));
    service
}

/// The texts of a list; none where there is no list.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

/// What a mount brings into the container: a path that begins with a dot, or the name of a volume.
fn source(mount: &Value) -> &str {
    let source = match mount {
        Value::String(short) => short.split(':').next(),
        long => long["source"].as_str(),
    };
    source.expect("a mount has a source")
}

#[test]
fn every_mount_and_dependency_exists() {
    let compose = yaml(COMPOSE);
    let volumes = compose["volumes"].as_object().expect("volumes");
    let services = services();
    let names: BTreeSet<&str> = services.iter().map(|(name, _)| name.as_str()).collect();
    for (name, service) in &services {
        for source in service["volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(source)
        {
            match source.starts_with('.') {
                true => assert!(root().join(source).exists(), "{name} mounts {source}"),
                false => assert!(volumes.contains_key(source), "{name}: no volume {source}"),
            }
        }
        for needed in service["depends_on"].as_object().into_iter().flatten() {
            assert!(
                names.contains(needed.0.as_str()),
                "{name} needs {}",
                needed.0
            );
        }
    }
}

#[test]
fn every_container_is_locked_down_and_only_this_machine_reaches_it() {
    for (name, service) in services() {
        assert_eq!(service["read_only"], true, "{name} can write its own files");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(
            strings(&service["security_opt"]),
            ["no-new-privileges:true"],
            "{name}"
        );
        assert!(service["privileged"].is_null(), "{name} is privileged");
        for port in strings(&service["ports"]) {
            assert!(
                port.starts_with("127.0.0.1:"),
                "{name} opens {port} to the network"
            );
        }
        let image = service["image"].as_str().unwrap_or_default();
        assert!(
            service["build"].is_object() || image.contains(":"),
            "{name}: which version of {image}?"
        );
    }
}

/// Nothing starts before what it needs can serve it, and so all of it is healthy one day or none.
#[test]
fn what_others_wait_for_says_when_it_is_ready() {
    let mut waits = 0;
    for (name, waiting) in services() {
        for (needed, how) in waiting["depends_on"].as_object().into_iter().flatten() {
            let needed_service = service(needed);
            let once = needed == "certificates";
            let condition = match once {
                true => "service_completed_successfully",
                false => "service_healthy",
            };
            assert_eq!(how["condition"], condition, "{name} needs {needed}");
            let check = &needed_service["healthcheck"];
            let is_in_image = needed_service["build"]["target"] == "tollgate";
            assert!(
                once || check["test"].is_array() || (is_in_image && check.is_object()),
                "{name} waits for {needed}, which has no health check"
            );
            waits += 1;
        }
    }
    assert!(waits > 5, "only {waits} dependencies");
}

#[test]
fn compose_takes_the_file() {
    let file = root().join(COMPOSE);
    let mut plugin = Command::new("docker");
    let mut tool = match there(Command::new("docker").args(["compose", "version"])) {
        true => {
            plugin.arg("compose");
            plugin
        }
        false if there(Command::new("docker-compose").arg("version")) => {
            Command::new("docker-compose")
        }
        false => return,
    };
    succeeds(tool.arg("-f").arg(file).args(["config", "--quiet"]));
}

#[test]
fn the_demo_configuration_is_valid() {
    succeeds(
        tollgate()
            .args(["check", "--file-only", "--config"])
            .arg(root().join(CONFIGURATION)),
    );
}

#[test]
fn the_demo_key_that_is_written_down_is_the_one_configured() {
    let configuration = text(CONFIGURATION);
    let key = configuration
        .split_whitespace()
        .find(|word| word.starts_with("tgk_"))
        .expect("the file names the demo's key");
    let digest = hex::encode(Sha256::digest(key));
    assert!(
        configuration.contains(&digest),
        "the SHA-256 of {key} is {digest}"
    );
    assert!(
        text(COMPOSE).contains(key),
        "the example request has another key"
    );
}

#[test]
fn the_demo_stops_no_stream_early() {
    let drain = yaml(CONFIGURATION)["drain_timeout"].clone();
    let service = service("tollgate");
    let seconds = |value: &Value| -> u32 {
        let text = value.as_str().expect("a duration");
        text.trim_end_matches('s').parse().expect("whole seconds")
    };
    assert!(seconds(&service["stop_grace_period"]) > seconds(&drain));
}
