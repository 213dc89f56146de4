//! The chart itself, and whether Kubernetes would take what it renders.

use std::process::Command;

use tollgate_integration::stack::paths;

use super::{CHART, KUBERNETES, documents, example, examples, helm, rendered};
use crate::{root, succeeds, text, yaml};

/// The first Kubernetes that has what the chart needs, and the last one that the validator knows.
const VERSIONS: [&str; 2] = ["1.30", "1.37"];
/// Kinds that are not Kubernetes' own; scaling.rs looks at them.
const CUSTOM: [&str; 2] = ["ScaledObject", "ServiceMonitor"];

#[test]
fn lint_finds_nothing_in_the_chart_and_in_any_example() {
    let chart = root().join(CHART);
    let lint = || {
        let mut command = helm();
        command.args(["lint", "--strict", "--kube-version", KUBERNETES]);
        command.arg(&chart);
        command
    };
    succeeds(&mut lint());
    for values in examples() {
        succeeds(lint().arg("--values").arg(values));
    }
}

#[test]
fn every_manifest_fits_the_schemas_of_kubernetes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kinds = Vec::new();
    let mut files = Vec::new();
    for values in examples() {
        let text = rendered(values.clone(), &[]);
        let named = documents(&text);
        let named = named.iter().map(|it| it["kind"].as_str().expect("a kind"));
        kinds.extend(named.map(str::to_owned));
        let file = folder.path().join(values.file_name().expect("a name"));
        std::fs::write(&file, text).expect("written");
        files.push(file);
    }
    for version in VERSIONS {
        let output = Command::new(paths::kubernetes_validate().expect("`make tools` fetched it"))
            .args(["--strict", "--kubernetes-version", version])
            .args(&files)
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{version}: {said}");
        let passed = said
            .lines()
            .filter(|line| line.starts_with("INFO "))
            .count();
        let known = kinds.iter().filter(|it| !CUSTOM.contains(&it.as_str()));
        assert_eq!(passed, known.count(), "{version}: {said}");
        for line in said.lines().filter(|line| !line.starts_with("INFO ")) {
            let custom = CUSTOM
                .iter()
                .any(|it| line.contains(&format!("kind {it} ")));
            assert!(custom, "{version}: {line}");
        }
    }
    for kind in CUSTOM.iter().chain(&[
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    ]) {
        assert!(kinds.iter().any(|it| it == kind), "no example has a {kind}");
    }
}

#[test]
fn the_validator_notices_a_misspelt_member() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("manifest.yaml");
    let text = rendered(example("standalone"), &[]);
    let wrong = text.replace(
        "automountServiceAccountToken: false\n      enable",
        "automount: false\n      enable",
    );
    assert_ne!(text, wrong);
    std::fs::write(&file, wrong).expect("written");
    let status = Command::new(paths::kubernetes_validate().expect("`make tools` fetched it"))
        .args(["--strict", "--quiet", "--kubernetes-version", VERSIONS[1]])
        .arg(&file)
        .output()
        .expect("it runs")
        .status;
    assert!(!status.success(), "an unknown member passes");
}

#[test]
fn versions_are_those_of_the_repository() {
    let chart = yaml("deploy/helm/tollgate/Chart.yaml");
    let cargo = text("Cargo.toml");
    let version = cargo.lines().find_map(|it| it.strip_prefix("version = "));
    let version = version.expect("a version").trim_matches('"');
    assert_eq!(chart["appVersion"], version, "the image's tag");
    assert_eq!(chart["version"], version, "the chart's own");
    let values = yaml("deploy/helm/tollgate/values.yaml");
    let image = &values["envoy"]["image"];
    let envoy = format!(
        "{}:{}",
        text_of(&image["repository"]),
        text_of(&image["tag"])
    );
    let compose = yaml("docker-compose.yml");
    assert_eq!(compose["services"]["envoy"]["image"], envoy);
}

fn text_of(value: &serde_json::Value) -> &str {
    value.as_str().expect("a text")
}

/// A chart's reader looks there first.
#[test]
fn every_value_has_a_row_in_the_readme() {
    let readme = text("deploy/helm/tollgate/README.md");
    let values = yaml("deploy/helm/tollgate/values.yaml");
    for (name, _) in values.as_object().expect("values") {
        let row = readme.lines().any(|line| {
            line.starts_with("| ")
                && line
                    .split('|')
                    .nth(1)
                    .is_some_and(|it| it.contains(&format!("`{name}")))
        });
        assert!(row, "README.md says nothing of {name}");
    }
}
