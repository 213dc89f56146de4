//! `tollgate health`, as a probe meets it: what it asks, what it says, how it ends.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};

fn health(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("health")
        .args(arguments)
        .current_dir(directory)
        // A proxy of the environment has no part in it.
        .env("http_proxy", "http://127.0.0.1:9")
        .output()
        .expect("tollgate runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Answers one request; gives where, and the line that was asked.
fn answer_once(answer: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1)
        {
            request.extend_from_slice(&byte);
        }
        stream.write_all(answer.as_bytes()).expect("sent");
        let request = text(&request);
        request.lines().next().unwrap_or_default().to_owned()
    });
    (address, asked)
}

fn configure(directory: &Path, address: &str) {
    // What is wrong elsewhere in the file does not matter.
    let yaml = format!("listen: {{ grpc: nowhere, admin: \"{address}\" }}\nclients: 7\n");
    std::fs::write(directory.join("tollgate.yaml"), yaml).expect("written");
}

#[test]
fn it_asks_readyz_at_the_address_of_the_file_and_repeats_the_answer() {
    let directory = tempfile::tempdir().expect("a directory");
    for (answer, code, stdout, stderr) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\nready\nissuer okta: no keys\n",
            0,
            "ready\nissuer okta: no keys\n",
            "",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 20\r\n\r\nnot ready: draining\n",
            1,
            "",
            "tollgate: not ready: draining\n",
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            1,
            "",
            "answers 404 Not Found: is it tollgate's /readyz?\n",
        ),
        // Whoever answers so is not tollgate: it is not asked any further.
        (
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
            1,
            "",
            "answers 307 Temporary Redirect",
        ),
    ] {
        let (address, asked) = answer_once(answer);
        // What listens everywhere is asked on loopback.
        configure(directory.path(), &format!("0.0.0.0:{}", address.port()));
        let output = health(&[], directory.path());
        assert_eq!(asked.join().expect("asked"), "GET /readyz HTTP/1.1");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{answer}: {said}");
        assert_eq!(text(&output.stdout), stdout, "{answer}");
        assert!(said.contains(stderr), "{answer}: {said}");
    }
}

#[test]
fn another_page_may_be_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let (address, asked) = answer_once("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n");
    let url = format!("http://{address}/livez");
    let output = health(&["--url", &url], directory.path());
    assert_eq!(asked.join().expect("asked"), "GET /livez HTTP/1.1");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn where_nobody_answers_it_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    configure(directory.path(), &address);
    // The kernel accepts the connection, and nobody reads it.
    let output = health(&[], directory.path());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!(
            "http://{address}/readyz does not answer within 2s"
        )),
        "{said}"
    );
    drop(listener);
    let output = health(&[], directory.path());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("does not answer: Connection refused"),
        "{said}"
    );
}

#[test]
fn without_an_address_to_ask_it_says_what_is_missing() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = health(&["--config", "missing.yaml"], directory.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("missing.yaml"), "{output:?}");
    configure(directory.path(), "127.0.0.1:0");
    let output = health(&[], directory.path());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("tollgate.yaml:1:"), "{said}");
    let both = ["--config", "tollgate.yaml", "--url", "http://127.0.0.1:9/"];
    assert_eq!(health(&both, directory.path()).status.code(), Some(2));
}

#[test]
fn the_state_of_many_backends_is_read_to_its_end() {
    let deployment = |nth: usize| {
        format!(r#"{{"name":"deployment-{nth}","state":"throttled","rests_ms":1000}}"#)
    };
    let deployments: Vec<_> = (0..5_000).map(deployment).collect();
    let body = format!(
        r#"[{{"name":"sweden","tier":"ptu","region":null,"state":"healthy","rests_ms":null,"deployments":[{}],"served":1,"failed":0,"utilization":null}}]"#,
        deployments.join(",")
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (address, asked) = answer_once(answer.leak());
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["backends", "--url", &format!("http://{address}/backends")])
        .output()
        .expect("tollgate runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("deployment-4999"),
        "{} lines",
        shown.lines().count()
    );
    asked.join().expect("asked");
}
