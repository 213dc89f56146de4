//! What tollgate says of itself: versions, completions, manual pages; and what happens when nobody reads it.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .output()
        .expect("tollgate runs")
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef tollgate"),
        ("fish", "complete -c tollgate"),
    ] {
        let output = tollgate(&["completions", shell]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains(word),
            "{shell}: {text}"
        );
        assert!(
            text.contains("reconcile") && text.contains("deny-warnings"),
            "{shell}: {text}"
        );
    }
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("man1");
    let output = tollgate(&["man", folder.to_str().expect("a path")]);
    assert!(output.status.success(), "{output:?}");
    for page in [
        "tollgate.1",
        "tollgate-serve.1",
        "tollgate-key-rotate.1",
        "tollgate-usage-export.1",
    ] {
        let text = std::fs::read_to_string(folder.join(page)).expect(page);
        assert!(text.contains("Examples:"), "{page}: {text}");
    }
    let serve = std::fs::read_to_string(folder.join("tollgate-serve.1")).expect("a page");
    assert!(serve.contains("TOLLGATE_LOG"), "{serve}");
}

/// A shell reads the completions of bash without a complaint.
#[test]
fn the_completions_of_bash_are_bash() {
    let output = tollgate(&["completions", "bash"]);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("tollgate.bash");
    std::fs::write(&file, output.stdout).expect("written");
    let read = Command::new("bash")
        .arg("-n")
        .arg(&file)
        .output()
        .expect("bash runs");
    assert!(read.status.success(), "{read:?}");
}

/// The service makes its ledger before it listens.
fn make_ledger(directory: &Path) {
    let mut service = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("serve")
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tollgate runs");
    let log = service.stderr.take().expect("its log");
    let mut lines = std::io::BufReader::new(log).lines().map_while(Result::ok);
    assert!(
        lines.any(|line| line.contains("\"listening\"")),
        "it does not start"
    );
    service.kill().expect("ended");
    service.wait().expect("ended");
}

/// As of other tools: what a shell says of a program that was ended by SIGPIPE.
#[test]
fn a_command_whose_output_nobody_reads_ends_quietly() {
    let directory = tempfile::tempdir().expect("a directory");
    let yaml = "listen: { grpc: \"unix:tollgate.sock\", admin: \"127.0.0.1:0\" }\nidentity: { managed_identity: {} }\nbackends: [ { name: sweden, endpoint: \"https://a.example\" } ]\ndata_directory: data\n";
    std::fs::write(directory.path().join("tollgate.yaml"), yaml).expect("written");
    make_ledger(directory.path());
    for arguments in [
        &["check", "--file-only"][..],
        &["check", "--file-only", "--format", "json"],
        &["schema"],
        &["completions", "zsh"],
        &["key", "generate"],
        &["envoy"],
        &["doctor"],
        &["explain", "--path", "/openai/v1/models"],
        &["usage", "--config", "tollgate.yaml"],
        &["usage", "--format", "csv", "--config", "tollgate.yaml"],
        &["usage", "export", "--config", "tollgate.yaml"],
        &["usage", "forget", "--user", "ann"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(arguments)
            .current_dir(directory.path())
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .expect("tollgate runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(141), "{arguments:?}: {said}");
        assert!(
            !said.contains("pipe") && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
    }
}
