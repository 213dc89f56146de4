//! The command line, as a person meets it.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tollgate::auth::KeyDigest;

const GOOD: &str = r#"
listen: { grpc: "unix:/run/tollgate/tollgate.sock", admin: "127.0.0.1:0" }
identity: { managed_identity: {} }
backends: [ { name: sweden } ]
"#;

fn tollgate(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("tollgate runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn a_generated_key_and_its_line_belong_together_and_are_accepted() {
    let directory = tempfile::tempdir().expect("a directory");
    for slot in ["primary", "secondary"] {
        let output = tollgate(&["key", "generate", "--slot", slot], directory.path());
        assert!(output.status.success());
        let printed = text(&output.stdout);
        let key = printed.lines().next().expect("the key stands first");
        let digest = KeyDigest::of_presented(key)
            .expect("a tollgate key")
            .to_hex();
        let line = printed
            .lines()
            .find(|line| line.starts_with("- {"))
            .expect("the YAML line");
        assert_eq!(
            line,
            format!("- {{ key: {{ sha256: \"{digest}\", slot: {slot} }} }}")
        );

        let yaml = format!(
            "{GOOD}clients:\n  - id: app\n    credentials:\n      {line}\n    products: [p]\nproducts: [ {{ id: p, deployments: [d], operations: [embeddings] }} ]\n"
        );
        std::fs::write(directory.path().join("tollgate.yaml"), yaml).expect("written");
        let output = tollgate(&["check", "--file-only"], directory.path());
        assert_eq!(
            text(&output.stdout),
            "tollgate.yaml: good: 1 client, 1 key\n"
        );
        assert!(output.status.success());
    }
}

#[test]
fn check_warns_of_what_may_not_be_meant_and_ends_in_0() {
    let directory = tempfile::tempdir().expect("a directory");
    let yaml = format!(
        "{GOOD}products: [ {{ id: p, deployments: [d], operations: [embeddings, realtime] }} ]\nprices: [ {{ model: o3, input: 2.00, output: 8.00, per: 1000000, currency: USD }} ]\n"
    );
    let issuer = "issuers: [ { name: test, issuer: \"http://127.0.0.1:1\", audiences: [a], allow_http: true, allow_addresses: [127.0.0.1] } ]\n";
    std::fs::write(directory.path().join("tollgate.yaml"), yaml + issuer).expect("written");
    let output = tollgate(&["check", "--file-only"], directory.path());
    assert!(output.status.success());
    let warnings = text(&output.stderr);
    for expected in [
        "warning: tollgate.yaml:5:65: product `p` allows `realtime`: the tokens of its sessions are not counted",
        "warning: tollgate.yaml:7:20: issuer `test` has `allow_http`",
        "warning: tollgate.yaml:6:11: no price for the service tier `priority` of o3",
    ] {
        assert!(warnings.contains(expected), "{expected}:\n{warnings}");
    }
    assert!(text(&output.stdout).starts_with("tollgate.yaml: good"));
}

#[test]
fn check_shows_the_line_and_ends_in_1() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(
        directory.path().join("t.yaml"),
        GOOD.replace("backends", "backend"),
    )
    .expect("written");
    let output = tollgate(&["check", "--config", "t.yaml"], directory.path());
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stderr);
    assert!(
        report.contains("t.yaml:4:1"),
        "file, line and column: {report}"
    );
    assert!(
        report.contains("backend"),
        "the word that is wrong: {report}"
    );
    assert!(report.contains("backends"), "what was meant: {report}");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn a_file_that_is_missing_or_bad_starts_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    for command in ["check", "serve"] {
        let output = tollgate(&[command, "--config", "missing.yaml"], directory.path());
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(text(&output.stderr).contains("missing.yaml"), "{command}");
    }
    std::fs::write(directory.path().join("tollgate.yaml"), "listen: 7\n").expect("written");
    let output = tollgate(&["serve"], directory.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("tollgate.yaml:1:9"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn an_address_that_is_taken_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let yaml = GOOD
        .replace("/run/tollgate", &directory.path().to_string_lossy())
        .replace("127.0.0.1:0", &address);
    std::fs::write(directory.path().join("tollgate.yaml"), yaml).expect("written");
    let output = tollgate(&["serve"], directory.path());
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("listen.admin") && said.contains(&address),
        "{said}"
    );
}

#[test]
fn a_variable_of_opentelemetry_that_can_not_be_read_is_no_start() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("tollgate.yaml"), GOOD).expect("written");
    for (name, value, says) in [
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "http/json",
            "write grpc or http/protobuf",
        ),
        ("OTEL_TRACES_SAMPLER", "sometimes", "is not a sampler"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "is more than"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team", "write KEY=VALUE"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .arg("serve")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
            .env(name, value)
            .current_dir(directory.path())
            .output()
            .expect("tollgate runs");
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = text(&output.stderr);
        assert!(said.contains(name) && said.contains(says), "{said}");
    }
}

#[test]
fn a_control_socket_that_others_can_get_at_is_no_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let below = |name: &str| directory.path().join(name);
    for name in ["run", "open"] {
        std::fs::create_dir(below(name)).expect("made");
        std::fs::set_permissions(below(name), PermissionsExt::from_mode(0o755)).expect("set");
    }
    std::os::unix::fs::symlink(below("run"), below("link")).expect("linked");
    for (folder, commands, reason) in [
        ("run", &["check", "serve"][..], "in the folder of `grpc`"),
        ("open", &["serve"], "(mode 0755)"),
        ("link/own", &["serve"], "is that of listen.grpc"),
    ] {
        let control = below(folder).join("control.sock");
        let admin = "admin: \"127.0.0.1:0\"";
        let with_control = format!("{admin}, control: \"unix:{}\"", control.display());
        let yaml = GOOD
            .replace("/run/tollgate", &below("run").to_string_lossy())
            .replace(admin, &with_control);
        let yaml = format!("{yaml}data_directory: .\n");
        std::fs::write(below("tollgate.yaml"), yaml).expect("written");
        for command in commands {
            let output = tollgate(&[command], directory.path());
            assert_eq!(output.status.code(), Some(1), "{command} {folder}");
            let said = text(&output.stderr);
            assert!(said.contains(reason), "{command} {folder}: {said}");
        }
        assert!(!control.exists(), "{folder}: nobody listens");
    }
}

#[test]
fn a_wrong_command_explains_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in [&["serv"][..], &["key"], &["serve", "--conf", "x"], &[]] {
        let output = tollgate(arguments, directory.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("Usage"), "{arguments:?}");
    }
}
