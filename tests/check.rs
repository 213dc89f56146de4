//! `tollgate check`: what it finds in a file and around it, and how it says so.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const REST: &str = "identity: { managed_identity: {} }\nbackends: [ { name: sweden } ]\n";

fn check(directory: &Path, yaml: &str, arguments: &[&str]) -> Output {
    std::fs::write(directory.join("tollgate.yaml"), yaml).expect("written");
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("check")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("tollgate runs")
}

/// A file that listens at a socket in a folder and at an address.
fn listening(socket: &str, admin: &str, more: &str) -> String {
    format!("listen: {{ grpc: \"unix:{socket}\", admin: \"{admin}\" }}\n{REST}{more}\n")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn json_has_the_documented_members() {
    let directory = tempfile::tempdir().expect("a directory");
    let wrong = listening("tollgate.sock", "here", "drain_time: 5s");
    let output = check(directory.path(), &wrong, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty(), "JSON is all that is printed");
    let report = json(&output);
    let names = |value: &Value| -> Vec<String> {
        let object = value.as_object().expect("an object");
        object.keys().cloned().collect()
    };
    let mut found = names(&report);
    found.sort();
    assert_eq!(found, ["counts", "file", "findings", "valid"]);
    assert_eq!(report["valid"], false);
    assert_eq!(report["counts"], Value::Null);
    let findings = report["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 2, "{report}");
    for finding in findings {
        let mut found = names(finding);
        found.sort();
        let documented = [
            "column", "file", "help", "line", "message", "path", "severity",
        ];
        assert_eq!(found, documented);
    }
    let findings = &report["findings"];
    assert_eq!(findings[0]["path"], "listen.admin");
    assert_eq!(findings[0]["line"], 1);
    assert_eq!(findings[1]["severity"], "error");
    assert_eq!(findings[1]["path"], "drain_time");
    assert_eq!(findings[1]["help"], "did you mean `drain_timeout`?");
    assert_eq!(
        (&findings[1]["line"], &findings[1]["column"]),
        (&4.into(), &1.into())
    );
}

#[test]
fn warnings_end_in_0_unless_they_are_denied() {
    let directory = tempfile::tempdir().expect("a directory");
    let product = "products: [ { id: p, deployments: [d], operations: [realtime] } ]";
    let yaml = listening("tollgate.sock", "127.0.0.1:0", product);
    for (arguments, code) in [
        (&["--format", "json"][..], 0),
        (&["--format", "json", "--deny-warnings"][..], 1),
    ] {
        let output = check(directory.path(), &yaml, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let report = json(&output);
        assert_eq!(report["valid"], true);
        assert_eq!(report["counts"]["clients"], 0);
        assert_eq!(report["findings"][0]["severity"], "warning");
    }
}

/// Of very many warnings the first ones are shown, and a mistake in any case; JSON has all.
#[test]
fn text_has_the_first_hundred_and_how_many_more_there_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let product = |number: usize| {
        format!("  - {{ id: p{number}, deployments: [d], operations: [embeddings] }}\n")
    };
    let products: String = (0..150).map(product).collect();
    let more = format!("products:\n{products}audit: {{ file: missing/audit }}");
    let yaml = listening("tollgate.sock", "127.0.0.1:0", &more);
    let output = check(directory.path(), &yaml, &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    let all = check(directory.path(), &yaml, &["--format", "json"]);
    let all = json(&all)["findings"].as_array().expect("a list").len();
    assert!(all > 150, "one of each product: {all}");
    assert!(
        text.lines()
            .any(|it| it.contains("the audit log can't be written")),
        "{text}"
    );
    assert!(
        text.contains(&format!("\nand {} more: ", all - 100)),
        "{text}"
    );
    assert_eq!(text.matches("tollgate.yaml:").count(), 100, "{text}");
}

/// What would make `serve` fail is found with its line, and not with `--file-only`.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of machines")]
fn what_makes_serve_fail_on_this_machine_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let below = |name: &str| directory.path().join(name).display().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let silent = std::thread::spawn(move || {
        // Whatever asks it gets no answer that tollgate would give.
        for stream in taken.incoming().take(1) {
            drop(stream);
        }
        taken
    });
    std::fs::write(directory.path().join("file"), "").expect("written");
    let dangling = directory.path().join("dangling");
    std::os::unix::fs::symlink(below("nowhere/audit"), &dangling).expect("a link");
    let audit = |file: &str| {
        listening(
            &below("tollgate.sock"),
            "127.0.0.1:0",
            &format!("audit: {{ file: {} }}", below(file)),
        )
    };
    let _other = UnixListener::bind(directory.path().join("other.sock")).expect("a socket");
    let free = below("tollgate.sock");
    for (yaml, place, said) in [
        (
            listening(&below("missing/tollgate.sock"), "127.0.0.1:0", ""),
            "1:17",
            "missing is missing (in listen.grpc)",
        ),
        (
            listening(&below("file"), "127.0.0.1:0", ""),
            "1:17",
            "exists and is not a socket",
        ),
        (listening(&free, &address, ""), "1:", "can't listen on"),
        (
            listening(
                &free,
                "127.0.0.1:0",
                &format!("data_directory: {}", below("file/data")),
            ),
            "4:17",
            "can't be written to",
        ),
        (
            listening(
                &free,
                "127.0.0.1:0",
                &format!("data_directory: {}", below("data")),
            )
            .replace(
                " admin:",
                &format!(
                    " control: \"unix:{}\", admin:",
                    elsewhere.path().join("no/control/c.sock").display()
                ),
            ),
            "1:",
            "No such file or directory",
        ),
        (audit("missing/audit"), "4:16", "No such file or directory"),
        (audit("file/audit"), "4:16", "Not a directory"),
        (audit("dangling"), "4:16", "No such file or directory"),
        (audit("other.sock"), "4:16", "is a socket, and not a file"),
    ] {
        let output = check(directory.path(), &yaml, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}\nof\n{yaml}");
        assert!(
            text.starts_with(&format!("tollgate.yaml:{place}")),
            "{text}"
        );
        assert!(
            text.contains(said) && text.contains("`serve` would not start here"),
            "{text}"
        );
        let alone = check(directory.path(), &yaml, &["--file-only"]);
        assert_eq!(alone.status.code(), Some(0), "{yaml}");
        assert!(alone.stderr.is_empty(), "{yaml}");
    }
    drop(silent);
    let yaml = listening(&below("other.sock"), "127.0.0.1:0", "");
    let output = check(directory.path(), &yaml, &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("another process is listening"), "{text}");
    assert_eq!(
        output.status.code(),
        Some(0),
        "it may be the service itself"
    );
    for file in ["audit", "file"] {
        let output = check(directory.path(), &audit(file), &["--deny-warnings"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert!(!directory.path().join("audit").exists(), "nothing is made");
    let good = listening(
        &free,
        "127.0.0.1:0",
        &format!("data_directory: {}", below("data")),
    );
    let output = check(directory.path(), &good, &["--deny-warnings"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!directory.path().join("data").exists(), "nothing is made");
    assert!(!Path::new(&free).exists(), "nothing is made");
}

/// Before a restart, the addresses are held by the service itself.
#[test]
fn what_the_running_service_holds_is_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let running = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = running.local_addr().expect("its address").to_string();
    let socket = directory.path().join("tollgate.sock");
    let _grpc = UnixListener::bind(&socket).expect("a socket");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = running.accept().expect("asked");
        let mut head = [0; 4096];
        let length = stream.read(&mut head).expect("a request");
        assert!(
            head.get(..length)
                .is_some_and(|it| it.starts_with(b"GET /version ")),
            "the page is asked"
        );
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n0.1.0\n";
        stream.write_all(answer.as_bytes()).expect("answered");
    });
    let yaml = listening(&socket.display().to_string(), &address, "");
    let output = check(directory.path(), &yaml, &["--deny-warnings"]);
    answering.join().expect("it was asked");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
