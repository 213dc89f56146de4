//! `deploy/helm/tollgate`, rendered by helm itself.

mod chart;
mod configuration;
mod documentation;
mod pods;
mod refused;
mod running;
mod scaling;
mod sidecar;

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tollgate_integration::stack::paths;

use crate::root;

const CHART: &str = "deploy/helm/tollgate";
/// What manifests are rendered for, unless a test says otherwise.
const KUBERNETES: &str = "1.34.0";
const RELEASE: &str = "gateway";
const NAMESPACE: &str = "ai";

fn helm() -> Command {
    Command::new(paths::helm().expect("`make tools` has built it"))
}

/// The chart's own examples of values, one for each way to run it.
fn examples() -> Vec<PathBuf> {
    let folder = root().join(CHART).join("ci");
    let files = std::fs::read_dir(folder).expect("ci/");
    let mut files: Vec<PathBuf> = files.map(|it| it.expect("an entry").path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

fn example(name: &str) -> PathBuf {
    root().join(CHART).join(format!("ci/{name}-values.yaml"))
}

/// `helm template` with a file of values and further settings.
fn template(values: PathBuf, settings: &[&str]) -> Output {
    let mut command = helm();
    command
        .args(["template", RELEASE])
        .arg(root().join(CHART))
        .args(["--namespace", NAMESPACE, "--kube-version", KUBERNETES]);
    command.arg("--values").arg(values);
    for setting in settings {
        command.args(["--set-json", setting]);
    }
    command.output().expect("helm runs")
}

/// What helm prints, which must succeed.
fn rendered(values: PathBuf, settings: &[&str]) -> String {
    let output = template(values, settings);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{settings:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The documents of a text of YAML.
fn documents(text: &str) -> Vec<Value> {
    let parts = text
        .split("\n---\n")
        .map(|it| it.trim_start_matches("---\n"));
    let parse = |part: &str| -> Value {
        serde_saphyr::from_str(part).unwrap_or_else(|error| panic!("{error}\nin\n{part}"))
    };
    let documents: Vec<Value> = parts.map(parse).filter(|it| !it.is_null()).collect();
    assert!(!documents.is_empty(), "nothing is rendered");
    documents
}

/// The manifests of an example, with further settings.
fn manifests(name: &str, settings: &[&str]) -> Vec<Value> {
    documents(&rendered(example(name), settings))
}

/// The one manifest of a kind.
fn one<'a>(manifests: &'a [Value], kind: &str) -> &'a Value {
    let mut found = manifests.iter().filter(|it| it["kind"] == kind);
    let first = found.next().unwrap_or_else(|| panic!("there is no {kind}"));
    assert!(found.next().is_none(), "two of {kind}");
    first
}

/// The Deployment or StatefulSet, if there is one.
fn workload(manifests: &[Value]) -> Option<&Value> {
    let is_one = |it: &&Value| it["kind"] == "Deployment" || it["kind"] == "StatefulSet";
    manifests.iter().find(is_one)
}

/// The pod of what must have one.
fn pod(manifests: &[Value]) -> &Value {
    &workload(manifests).expect("a workload")["spec"]["template"]
}

/// All containers of a pod, also those that start first.
fn containers(pod: &Value) -> Vec<&Value> {
    let of = |name: &str| pod["spec"][name].as_array().into_iter().flatten();
    let all: Vec<&Value> = of("initContainers").chain(of("containers")).collect();
    assert!(!all.is_empty(), "no containers");
    all
}

fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let all = containers(pod);
    let found = all.into_iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("no container {name}"))
}

/// The names of the volumes that a container mounts.
fn mounted(container: &Value) -> Vec<&str> {
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    mounts.filter_map(|it| it["name"].as_str()).collect()
}

/// A member that must be a number.
fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is not a number"))
}
