//! What is shipped besides the code names only what exists: files, metrics, options, keys.

mod apart;
mod azure;
mod compose;
mod context;
mod deb;
mod demo;
mod helm;
mod host;
mod image;
mod metrics;
mod replicas;
mod systemd;

use std::path::PathBuf;
use std::process::Command;

use tollgate_integration::stack::paths;

/// The top of the repository.
fn root() -> PathBuf {
    let root = paths::repository("").canonicalize();
    root.expect("the repository is still there")
}

/// The text of a file, by its path from the top of the repository.
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A YAML file as a JSON value, with anchors and merges resolved.
fn yaml(path: &str) -> serde_json::Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The gateway's binary.
fn tollgate() -> Command {
    Command::new(paths::binary("tollgate").expect("built before the tests run"))
}

/// Runs a command that must succeed, and says what it printed if it does not.
fn succeeds(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

/// Whether a tool that is not always installed answers to this.
fn there(tool: &mut Command) -> bool {
    let there = tool.output().is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: {tool:?} does not answer");
    }
    there
}
