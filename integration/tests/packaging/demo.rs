//! The commands in docker-compose.yml, run without containers.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tollgate_integration::stack::paths;

use crate::compose::{service, strings};
use crate::{root, succeeds, text, yaml};

const ENVOY: &str = "envoy/standalone.yaml";

/// Runs what the service `certificates` runs, and gives the folder that is the volume there.
pub(crate) fn certificates() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let service = service("certificates");
    let entrypoint = strings(&service["entrypoint"]);
    let (shell, options) = entrypoint.split_first().expect("an entrypoint");
    let fakes = paths::binary("fakes").expect("built before the tests run");
    let beside = fakes.parent().expect("a folder").display();
    let search = std::env::var("PATH").unwrap_or_default();
    succeeds(
        Command::new(shell)
            .args(options)
            .args(strings(&service["command"]))
            .env("PATH", format!("{beside}:{search}"))
            .current_dir(&folder),
    );
    folder
}

/// Where Envoy sees the certificates.
fn mounts() -> Vec<String> {
    let envoy = service("envoy");
    let mounts = envoy["volumes"].as_array().expect("volumes");
    let ours = mounts
        .iter()
        .filter(|mount| mount["source"] == "certificates");
    let targets = ours.map(|mount| mount["target"].as_str().expect("a target").to_owned());
    targets.collect()
}

#[test]
fn envoy_takes_the_shipped_file_with_the_demos_certificates_and_admin_port() {
    let certificates = certificates();
    let mut config = text(ENVOY);
    for mount in mounts() {
        assert!(config.contains(&mount), "{ENVOY} has no {mount}");
        config = config.replace(&mount, &certificates.path().display().to_string());
    }
    let file = certificates.path().join("envoy.yaml");
    std::fs::write(&file, config).expect("written");

    let envoy = service("envoy");
    let mut command = Command::new(paths::envoy().expect("fetched before the tests run"));
    command.args(["--mode", "validate", "--log-level", "error"]);
    for argument in strings(&envoy["command"]) {
        match argument {
            "/etc/envoy/envoy.yaml" => command.arg(&file),
            other => command.arg(other),
        };
    }
    succeeds(&mut command);
}

/// The command in the file's head once gave a link to itself.
#[test]
fn the_authority_to_trust_can_be_copied_out_of_envoys_container() {
    let file = text("docker-compose.yml");
    let command = file
        .lines()
        .find_map(|line| line.split_once("docker compose cp envoy:"));
    let (_, words) = command.expect("the file says how to get the authority");
    let path = Path::new(words.split_whitespace().next().expect("a path"));
    let mounts = mounts();
    let mount = mounts.iter().find(|mount| path.starts_with(mount));
    let mount = mount.unwrap_or_else(|| panic!("{} is in no mount", path.display()));

    let certificates = certificates();
    let copied = certificates
        .path()
        .join(path.strip_prefix(mount).expect("in it"));
    let found = std::fs::symlink_metadata(&copied).expect("it is there");
    assert!(found.is_file(), "what is copied is not a file: {found:?}");
    let read = |path: &Path| std::fs::read_to_string(path).expect("text");
    let authority = read(&certificates.path().join("ca.pem"));
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(read(&copied), authority);
}

#[test]
fn envoy_finds_the_fake_where_it_looks_for_azure() {
    let config = yaml(ENVOY);
    let clusters = config["static_resources"]["clusters"].as_array();
    let azure = clusters
        .expect("clusters")
        .iter()
        .find(|cluster| cluster["name"] == "azure_openai")
        .expect("the cluster of Azure OpenAI");
    let endpoint = &azure["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    let address = &endpoint["address"]["socket_address"];
    let name = address["address"].as_str().expect("a name");
    let port = &address["port_value"];

    let fake = service("fake-azure");
    assert_eq!(strings(&fake["networks"]["default"]["aliases"]), [name]);
    let listen = format!("--listen=0.0.0.0:{port}");
    assert!(
        strings(&fake["command"]).contains(&listen.as_str()),
        "{listen}"
    );
    let script = service("certificates")["command"][0].clone();
    assert!(
        script.as_str().is_some_and(|script| script.contains(name)),
        "no certificate for {name}"
    );
}

#[test]
fn the_fakes_start_with_the_arguments_they_are_given() {
    let certificates = certificates();
    for name in ["fake-identity", "fake-azure"] {
        let said = first_line(&service(name), certificates.path());
        assert!(said.contains("listening"), "{name}: {said}");
    }
}

/// Starts a fake on a port that is free, and ends it when it has said where it listens.
fn first_line(service: &Value, certificates: &Path) -> String {
    let arguments = strings(&service["command"]).into_iter().map(|argument| {
        let here = argument.replace("/certificates", &certificates.display().to_string());
        match here.split_once("=0.0.0.0:") {
            Some((option, _port)) => format!("{option}=127.0.0.1:0"),
            None => here,
        }
    });
    let mut fake = Command::new(paths::binary("fakes").expect("built before the tests run"))
        .args(arguments)
        .current_dir(root())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut line = String::new();
    let stdout = fake.stdout.take().expect("piped");
    let read = BufReader::new(stdout).read_line(&mut line);
    fake.kill().expect("it ran until now");
    fake.wait().expect("ended");
    read.map(|_| line).expect("text")
}
