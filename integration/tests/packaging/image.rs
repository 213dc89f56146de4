//! The Dockerfile builds from what the repository has: held against cargo itself, without a container.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tollgate_integration::stack::paths;

use crate::context::lay_out;
use crate::{root, text};

/// What the builder has.
fn builder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    lay_out(folder.path());
    folder
}

/// What cargo makes of a workspace, or why it can't.
fn metadata(workspace: &Path) -> Result<Value, String> {
    let version = cargo(workspace, &["-vV"])?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("cargo says what it builds for");
    // As the Dockerfile builds, `--locked`; offline, since what is missing here is a file and no crate.
    let json = cargo(
        workspace,
        &[
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--filter-platform",
            host,
        ],
    )?;
    Ok(serde_json::from_str(&json).expect("JSON"))
}

fn cargo(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ran = Command::new(cargo)
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("cargo runs");
    match ran.status.success() {
        true => Ok(String::from_utf8(ran.stdout).expect("UTF-8")),
        false => Err(String::from_utf8_lossy(&ran.stderr).into_owned()),
    }
}

/// Every target of the workspace's own packages whose source is there, but for tests, which no image
/// builds: libraries, programs, build scripts, benches, examples.
fn targets(metadata: &Value) -> BTreeSet<String> {
    let packages = metadata["packages"].as_array().expect("packages");
    let members = metadata["workspace_members"].as_array().expect("members");
    packages
        .iter()
        .filter(|package| members.contains(&package["id"]))
        .flat_map(|package| {
            let targets = package["targets"].as_array().expect("targets");
            targets.iter().map(move |target| (package, target))
        })
        .filter(|(_, target)| target["kind"][0] != "test")
        .filter(|(_, target)| Path::new(word(&target["src_path"])).exists())
        .map(|(package, target)| {
            let words = [&package["name"], &target["kind"][0], &target["name"]];
            words.map(word).join(" ")
        })
        .collect()
}

fn word(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn the_files_that_the_image_is_built_from_are_enough_for_cargo() {
    let builder = builder();
    let there = metadata(builder.path()).unwrap_or_else(|why| {
        panic!("cargo can't build from what the Dockerfile copies and .dockerignore lets through: {why}")
    });
    let here = metadata(&root()).expect("cargo takes the repository");
    let (there, here) = (targets(&there), targets(&here));
    assert!(here.contains("tollgate bin tollgate"), "{here:?}");
    let missing: Vec<_> = here.difference(&there).collect();
    assert!(missing.is_empty(), "not in the image's build: {missing:?}");
}

/// The test above fails where it should: each file that a manifest names is missed.
#[test]
fn cargo_misses_each_file_that_a_manifest_names() {
    let here = targets(&metadata(&root()).expect("cargo takes the repository"));
    for file in [
        "benches/meter.rs",
        "benches/decision/main.rs",
        "build.rs",
        "src/main.rs",
        "Cargo.lock",
        "fuzz/Cargo.toml",
        "fuzz/examples/fuzz.rs",
        "integration/Cargo.toml",
        "integration/src/bin/fakes.rs",
    ] {
        let builder = builder();
        std::fs::remove_file(builder.path().join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let there = metadata(builder.path());
        let is_missed = there.map_or(true, |there| !here.is_subset(&targets(&there)));
        assert!(is_missed, "{file} is missing, and nobody notices");
    }
}

/// What the compiler and the build script have read is in what they leave next to each program.
#[test]
fn every_file_that_the_programs_are_compiled_from_reaches_the_builder() {
    let builder = builder();
    for program in ["tollgate", "fakes"] {
        let binary = paths::binary(program).expect("built before the tests run");
        let built = binary.parent().expect("target/debug").join("..");
        let built = built.canonicalize().expect("cargo's target folder");
        let said = std::fs::read_to_string(binary.with_extension("d")).expect("dep-info");
        let read: Vec<PathBuf> = said
            .split_once(": ")
            .expect("a rule of make's")
            .1
            .replace("\\ ", "\0")
            .split_whitespace()
            .map(|path| PathBuf::from(path.replace('\0', " ")))
            .filter(|path| !path.starts_with(&built))
            .collect();
        assert!(read.len() > 20, "{program} is compiled from {read:?}");
        for path in read {
            let file = path.strip_prefix(root()).expect("a file of the repository");
            assert!(
                builder.path().join(file).exists(),
                "{program} is compiled from {}, which the image's build does not have",
                file.display()
            );
        }
    }
}

/// The image has no shell, and its check asks with the file that the service runs with.
#[test]
fn the_image_asks_itself_whether_it_is_ready_without_a_shell() {
    let dockerfile = text("Dockerfile").replace("\\\n", " ");
    let command = |instruction: &str| -> Vec<String> {
        let lines = dockerfile.lines();
        let line = lines.rev().find(|line| line.starts_with(instruction));
        let line = line.unwrap_or_else(|| panic!("no {instruction}"));
        let list = line.find('[').expect("no shell takes it apart");
        serde_json::from_str(&line[list..]).expect("a list of words")
    };
    let check = command("HEALTHCHECK");
    assert_eq!(check[0], command("ENTRYPOINT")[0]);
    let serve = command("CMD");
    assert_eq!((check[1].as_str(), serve[0].as_str()), ("health", "serve"));
    assert_eq!(check[2..], serve[1..], "another configuration");
}
