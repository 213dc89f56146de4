//! The binary: the fakes as processes of their own.

use crate::rig::{ask, json_of, send, token};
use reqwest::Client;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const FAKES: &str = env!("CARGO_BIN_EXE_fakes");

/// Starts the binary and waits for its one line.
async fn started(arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(FAKES)
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary runs");
    let stdout = child.stdout.take().expect("a pipe");
    let line = BufReader::new(stdout).lines().next_line().await;
    (child, line.expect("text").expect("a line when it is ready"))
}

/// The addresses in the line.
fn addresses(line: &str) -> Vec<&str> {
    line.split_whitespace()
        .filter(|word| word.starts_with("http"))
        .collect()
}

#[tokio::test]
async fn two_processes_share_a_secret_and_end_on_sigterm() {
    let secret = ["--token-secret", "shared"];
    let identity_arguments = [&["identity", "--listen", "127.0.0.1:0"], &secret[..]].concat();
    let azure_arguments = [&["azure", "--listen", "127.0.0.1:0"], &secret[..]].concat();
    let (_identity, line) = started(&identity_arguments).await;
    let token = token(addresses(&line)[0], "fake-identity-header").await;
    let (mut azure, line) = started(&azure_arguments).await;
    let url = addresses(&line)[0];

    let client = Client::new();
    let body = ask("hello", &json!({"model": "gpt-4o"}));
    let request = client.post(format!("{url}/openai/v1/chat/completions"));
    let answer = json_of(send(request.bearer_auth(token).json(&body)).await).await;
    let get = |path: &str| send(client.get(format!("{url}/fake/{path}")));
    let ledger = json_of(get("ledger").await).await;
    let entry = &ledger["entries"][0];
    assert_eq!(entry["operation"], "chat.completions", "{ledger}");
    assert_eq!(
        entry["completion_tokens"],
        answer["usage"]["completion_tokens"]
    );
    assert_eq!(ledger["totals"]["requests"], 1);
    let requests = json_of(get("requests").await).await;
    let kept: Value =
        serde_json::from_str(requests[0]["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(kept, body);
    assert_eq!(json_of(get("violations").await).await, json!([]));

    drop(client);
    let id = azure.id().expect("a process").to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(sent.expect("kill runs").success());
    let ended = azure.wait().await.expect("an end");
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn deployments_and_faults_are_switched_over_http() {
    let (_fakes, line) = started(&[
        "all",
        "--listen",
        "127.0.0.1:0",
        "--identity-listen",
        "127.0.0.1:0",
    ])
    .await;
    let [url, endpoint] = addresses(&line)[..] else {
        panic!("not two addresses: {line}");
    };
    let token = token(endpoint, "fake-identity-header").await;
    let client = Client::new();
    let control = |change: Value| {
        let request = client.put(format!("{url}/fake/control"));
        send(request.json(&change))
    };
    let chat = || {
        let body = ask("hello", &json!({"model": "mine"}));
        let request = client.post(format!("{url}/openai/v1/chat/completions"));
        send(request.bearer_auth(&token).json(&body))
    };
    let change =
        json!({"deployments": {"mine": {"model": "gpt-4o-2024-08-06"}}, "fault": "status-503"});
    assert_eq!(control(change).await.status(), 200);
    assert_eq!(chat().await.status(), 503);
    let told = json_of(control(json!({"fault": null})).await).await;
    assert_eq!(told["fault"], Value::Null);
    assert_eq!(chat().await.status(), 200, "the deployments were lost");
    assert_eq!(control(json!({"falt": null})).await.status(), 400);
}

#[tokio::test]
async fn certificates_are_made_once_and_keys_are_private() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().to_str().expect("text");
    let read = |file: &str| std::fs::read(directory.path().join(file)).expect("a file");
    let make = |more: &[&'static str]| {
        let mut arguments = vec!["certificates", "--out", out, "--names", "localhost,envoy"];
        arguments.extend(more);
        let status = Command::new(FAKES)
            .args(arguments)
            .stdout(Stdio::null())
            .status();
        async move { assert!(status.await.expect("the binary runs").success()) }
    };
    make(&[]).await;
    let (authority, server) = (read("ca.pem"), read("server.pem"));
    for name in ["ca-key.pem", "server-key.pem", "backend-key.pem"] {
        let path = directory.path().join(name);
        let mode = std::fs::metadata(path).expect("a key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name} is open to others");
    }
    make(&[]).await;
    assert_eq!(read("server.pem"), server, "made again");
    std::fs::remove_file(directory.path().join("server.pem")).expect("it was there");
    make(&[]).await;
    assert_ne!(read("server.pem"), server, "not made again");
    assert_eq!(read("ca.pem"), authority, "clients would lose their trust");
    make(&["--force"]).await;
    assert_ne!(read("ca.pem"), authority, "not replaced");
}
