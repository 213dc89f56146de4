//! The files in `envoy/` are what `tollgate envoy` writes from the configurations next to them.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::path::Path;
use std::process::Command;

/// Each file, and what it is written from.
const FILES: [(&str, &str, &str); 5] = [
    ("standalone.yaml", "tollgate.yaml", "standalone"),
    ("standalone-mtls.yaml", "tollgate-mtls.yaml", "standalone"),
    ("pools.yaml", "tollgate-pools.yaml", "standalone"),
    (
        "kubernetes/envoy-gateway.yaml",
        "kubernetes/tollgate.yaml",
        "envoy-gateway",
    ),
    ("kubernetes/istio.yaml", "kubernetes/tollgate.yaml", "istio"),
];

fn written(from: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["envoy", "--config"])
        .arg(from)
        .args(arguments)
        .output()
        .expect("tollgate runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", from.display());
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_files_are_what_the_command_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy");
    for (file, from, platform) in FILES {
        let there = std::fs::read_to_string(folder.join(file)).expect("a file");
        let command =
            format!("tollgate envoy --for {platform} --config envoy/{from} > envoy/{file}");
        let written = written(&folder.join(from), &["--for", platform]);
        // Without the values: they are two whole files.
        assert!(there == written, "envoy/{file} is out of date: {command}");
    }
}

#[test]
fn a_part_can_be_written_alone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy");
    let whole = written(&folder.join("tollgate.yaml"), &[]);
    for part in [
        "connection-manager",
        "routes",
        "filters",
        "local-replies",
        "access-log",
        "clusters",
    ] {
        let text = written(&folder.join("tollgate.yaml"), &["--part", part]);
        let last = text.lines().last().expect("a line");
        assert!(whole.contains(last.trim()), "{part}: {last}");
        assert!(text.len() < whole.len(), "{part}");
    }
}

#[test]
fn where_manifests_belong_must_be_said() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy");
    for (platform, more) in [
        ("envoy-gateway", &[][..]),
        ("istio", &[]),
        ("istio", &["--part", "filters"]),
        ("envoy-gateway", &["--watch", "files"]),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["envoy", "--for", platform, "--config", "tollgate.yaml"])
            .args(more)
            .current_dir(&folder)
            .output()
            .expect("tollgate runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty());
        let wanted = match more.first() {
            None => "kubernetes: { gateway:".to_owned(),
            Some(option) => format!("`{option}` "),
        };
        assert!(said.contains(&wanted), "{platform}: {said}");
    }
}

#[test]
fn a_file_that_can_not_be_used_is_an_error_and_nothing_is_written() {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["envoy", "--config", "missing.yaml"])
        .output()
        .expect("tollgate runs");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
}

#[test]
fn a_check_finds_an_envoy_file_that_is_out_of_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy");
    let check = |config: &str, file: &str| {
        Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["check", "--file-only", "--config", config, "--envoy", file])
            .current_dir(&folder)
            .output()
            .expect("tollgate runs")
    };
    assert!(check("tollgate-pools.yaml", "pools.yaml").status.success());
    let other = check("tollgate-pools.yaml", "standalone.yaml");
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(!other.status.success());
    let wanted = "tollgate envoy --config tollgate-pools.yaml > standalone.yaml.new && mv standalone.yaml.new standalone.yaml\n";
    assert!(
        said.contains("\nstandalone.yaml:") && said.contains(wanted),
        "{said}"
    );
    // A file for another version, which the option has said.
    let older = tempfile::tempdir().expect("a directory");
    let file = older.path().join("older.yaml");
    let written = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args([
            "envoy",
            "--config",
            "tollgate-pools.yaml",
            "--envoy-version",
            "1.38.3",
        ])
        .current_dir(&folder)
        .output()
        .expect("tollgate runs");
    let text = String::from_utf8(written.stdout).expect("text");
    assert!(text.starts_with("# Envoy 1.38 in front"), "{text}");
    std::fs::write(&file, &text).expect("written");
    let name = file.display().to_string();
    assert!(check("tollgate-pools.yaml", &name).status.success());
    std::fs::write(&file, text + "\n").expect("written");
    let said = check("tollgate-pools.yaml", &name).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.contains("--config tollgate-pools.yaml --envoy-version 1.38 > "),
        "{said}"
    );
    let certificate = folder.join("../integration/testdata/devices-root.pem");
    let other = check("tollgate.yaml", &certificate.display().to_string());
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(!other.status.success());
    assert!(said.contains("not an Envoy configuration"), "{said}");
    assert!(!said.contains("mv "), "{said}");
    let missing = check("tollgate.yaml", "missing.yaml");
    let said = String::from_utf8_lossy(&missing.stderr);
    let wanted = "there is no such file: tollgate envoy --config tollgate.yaml > missing.yaml";
    assert!(said.contains(wanted), "{said}");
}
