//! `.github/`: workflows that run what this repository has, with no more rights than they need.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::{root, text, yaml};

const CI: &str = ".github/workflows/ci.yml";
const RELEASE: &str = ".github/workflows/release.yml";

/// Every file of a folder of the repository, by its path from the top.
fn files(folder: &str) -> Vec<String> {
    let found: Vec<String> = std::fs::read_dir(root().join(folder))
        .expect("a folder of .github")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| format!("{folder}/{}", name.to_string_lossy()))
        .collect();
    assert!(found.len() > 1, "{folder} has only {found:?}");
    found
}

/// Every workflow as a value.
fn workflows() -> Vec<(String, Value)> {
    let files = files(".github/workflows").into_iter();
    files.map(|file| (file.clone(), yaml(&file))).collect()
}

/// Every job of a workflow, by its name.
fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().expect("jobs").iter()
}

/// One member of every step of a job; none for a job that calls another workflow.
fn of_steps<'a>(job: &'a Value, member: &'a str) -> impl Iterator<Item = &'a str> {
    let steps = job["steps"].as_array().into_iter().flatten();
    steps.filter_map(move |step| step[member].as_str())
}

#[test]
fn the_workflow_runs_what_every_other_machine_runs() {
    let ci = yaml(CI);
    assert!(of_steps(&ci["jobs"]["test"], "run").any(|run| run == "bash .ci/run"));
    assert!(
        of_steps(&ci["jobs"]["advisories"], "run").any(|run| run == "make deny CHECKS=advisories"),
        "nobody asks for advisories"
    );
}

#[test]
fn nothing_is_released_before_the_tests_have_passed() {
    let release = yaml(RELEASE);
    assert_eq!(release["jobs"]["ci"]["uses"], format!("./{CI}"));
    for (name, job) in jobs(&release) {
        if !matches!(name.as_str(), "prepared" | "ci") {
            assert!(!job["needs"].is_null(), "{name} waits for nothing");
        }
    }
    assert_eq!(release["jobs"]["image"]["needs"], "ci");
    let both = release["jobs"]["image"]["strategy"]["matrix"]["include"].as_array();
    let both = both.expect("a matrix").iter();
    let both: Vec<_> = both.map(|machine| &machine["arch"]).collect();
    assert_eq!(both, ["amd64", "arm64"]);
}

/// A tag can be moved to other code, a commit can't.
#[test]
fn every_action_is_pinned_to_a_commit_and_says_its_version() {
    let mut pinned = 0;
    for file in files(".github/workflows") {
        let text = text(&file);
        let used = text
            .lines()
            .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "));
        for action in used.filter(|action| !action.starts_with("./")) {
            let (_, version) = action.split_once('@').expect("an action has a version");
            let (commit, tag) = version.split_once(" # v").unwrap_or((version, ""));
            let is_commit = commit.len() == 40 && commit.bytes().all(|it| it.is_ascii_hexdigit());
            assert!(is_commit, "{file}: {action} can change");
            assert_eq!(
                tag.split('.').count(),
                3,
                "{file}: which version is {action}?"
            );
            pinned += 1;
        }
    }
    assert!(pinned > 2, "only {pinned} actions were found");
}

#[test]
fn a_job_has_the_rights_it_needs_and_ends() {
    for (file, workflow) in workflows() {
        let by_default = workflow["permissions"].as_object();
        let by_default = by_default.unwrap_or_else(|| panic!("{file} has every permission"));
        assert!(by_default.values().all(|it| it == "read"), "{file}");
        for (name, job) in jobs(&workflow) {
            let called = job["uses"].is_string();
            assert!(
                called || job["timeout-minutes"].is_u64(),
                "{file}: {name} may hang"
            );
            // Else a step that is tricked has a token that pushes.
            for step in job["steps"].as_array().into_iter().flatten() {
                let uses = step["uses"].as_str().unwrap_or_default();
                if uses.starts_with("actions/checkout@") {
                    assert_eq!(step["with"]["persist-credentials"], false, "{file}: {name}");
                }
            }
        }
    }
}

#[test]
fn workflows_have_the_compiler_of_the_image() {
    let dockerfile = text("Dockerfile");
    let image = dockerfile.split("FROM rust:").nth(1).expect("a compiler");
    let version = image.split('-').next().expect("a version");
    for toolchain in [
        &yaml(CI)["env"]["RUSTUP_TOOLCHAIN"],
        &yaml(RELEASE)["jobs"]["package"]["env"]["RUSTUP_TOOLCHAIN"],
        &yaml(RELEASE)["jobs"]["sbom"]["env"]["RUSTUP_TOOLCHAIN"],
    ] {
        let toolchain = toolchain.as_str().expect("a version");
        assert!(
            toolchain.starts_with(&format!("{version}.")),
            "the image is built by {version}, and {toolchain} tests it"
        );
    }
}

#[test]
fn issue_forms_are_complete() {
    let folder = ".github/ISSUE_TEMPLATE";
    for file in files(folder)
        .iter()
        .filter(|file| !file.ends_with("/config.yml"))
    {
        let form = yaml(file);
        assert!(
            form["name"].is_string() && form["description"].is_string(),
            "{file}"
        );
        let mut ids = Vec::new();
        for field in form["body"].as_array().expect("a form has fields") {
            if field["type"] != "markdown" {
                assert!(field["attributes"]["label"].is_string(), "{file}: {field}");
                ids.push(field["id"].as_str().expect("a field has an id").to_owned());
            }
        }
        let fields = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), fields, "{file} has one id for two fields");
    }
    let bug = text(&format!("{folder}/bug.yml"));
    for asked in [
        "tollgate --version",
        "envoy --version",
        "tollgate check",
        "audit log",
    ] {
        assert!(bug.contains(asked), "a report does not ask for {asked}");
    }
}

/// A repository with two files, and what the notes of a version in it are.
fn notes(cargo: &str, changelog: &str, version: &str) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let file: PathBuf = Path::join(folder.path(), name);
        std::fs::write(file, text).expect("written");
    };
    write("Cargo.toml", cargo);
    write("CHANGELOG.md", changelog);
    Command::new(root().join("scripts/release-notes.sh"))
        .arg(version)
        .current_dir(&folder)
        .output()
        .expect("started")
}

#[test]
fn a_release_has_its_part_of_the_changelog_and_none_is_made_without() {
    let cargo = "[workspace.package]\nversion = \"1.2.3\"\n";
    let changelog =
        "# Changelog\n\n## Unreleased\n\n- a\n\n## 1.2.3 (2026-01-02)\n\n- b\n\n## 1.2.2\n\n- c\n";
    let good = notes(cargo, changelog, "1.2.3");
    assert!(good.status.success(), "{good:?}");
    assert_eq!(String::from_utf8_lossy(&good.stdout).trim(), "- b");
    for (what, bad) in [
        ("another version", notes(cargo, changelog, "1.2.2")),
        (
            "a version that begins like it",
            notes(cargo, changelog, "1.2"),
        ),
        (
            "no section",
            notes(cargo, "# Changelog\n\n## Unreleased\n", "1.2.3"),
        ),
        (
            "an empty section",
            notes(cargo, "## 1.2.3\n\n## 1.2.2\n\n- c\n", "1.2.3"),
        ),
    ] {
        assert!(!bad.status.success(), "{what}: {bad:?}");
    }
}
