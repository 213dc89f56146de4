//! Records that go to a collector.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tollgate_integration::stack::{Stack, paths, wait_for};

use super::{text, usage};
use crate::books::{PRICES, directory, ledger, rows, with_ledger};
use crate::support::{hello, send_json};

/// Batches of events that a collector was sent, with their content type and credential; it is
/// unavailable at first.
type Batches = Arc<Mutex<Vec<(String, Value)>>>;

async fn collector() -> (String, Batches) {
    let batches = Batches::default();
    let (kept, is_first) = (Arc::clone(&batches), Arc::new(AtomicBool::new(true)));
    let take = move |headers: HeaderMap, Json(events): Json<Value>| async move {
        if is_first.swap(false, Ordering::Relaxed) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let header = |name| {
            headers
                .get(name)
                .and_then(|it| it.to_str().ok())
                .unwrap_or_default()
        };
        let said = format!("{} {}", header("content-type"), header("authorization"));
        kept.lock().expect("no poison").push((said, events));
        StatusCode::ACCEPTED
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!(
        "http://{}/events",
        listener.local_addr().expect("an address")
    );
    let router = Router::new().route("/events", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, batches)
}

#[tokio::test]
async fn new_records_go_to_a_collector_as_they_are_written() {
    let stack = Stack::start(with_ledger(PRICES)).await;
    send_json(stack.chat(&hello())).await;
    let (url, batches) = collector().await;
    let token = stack.directory().join("token");
    std::fs::write(&token, "canary-token\n").expect("written");
    let tollgate = paths::binary("tollgate").expect("it is built");
    let data = directory(&stack);
    for (url, file, why) in [
        (
            "http://collector.example/",
            &token,
            "only https, or http to a loopback address",
        ),
        (
            "https://u:p@collector.example/",
            &token,
            "no user and no password",
        ),
        (
            url.as_str(),
            &stack.directory().join("empty"),
            "the secret is empty",
        ),
    ] {
        std::fs::write(stack.directory().join("empty"), "\n").expect("written");
        let refused = Command::new(&tollgate)
            .args(["usage", "export", "--data-directory", text(&data)])
            .args(["--to-url", url, "--bearer-file", text(file)])
            .output()
            .await;
        let refused = refused.expect("it runs");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains(why),
            "{url}: {said}"
        );
    }
    // What goes to this machine in the clear goes past no proxy.
    let follower = Command::new(tollgate)
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .args([
            "usage",
            "export",
            "--follow",
            "--from",
            "2020-01-01",
            "--to-url",
            &url,
        ])
        .args([
            "--data-directory",
            text(&data),
            "--bearer-file",
            text(&token),
        ])
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    let events = || {
        let batches = batches.lock().expect("no poison");
        let all = batches.iter().filter_map(|(_, events)| events.as_array());
        all.flatten().cloned().collect::<Vec<_>>()
    };
    for count in 1..=3 {
        wait_for(&format!("{count} events"), async || {
            (events().len() >= count).then_some(())
        })
        .await;
        send_json(stack.chat(&hello())).await;
    }
    wait_for("the last event", async || {
        (events().len() >= 4).then_some(())
    })
    .await;
    drop(follower);
    let written = rows(&ledger(&stack).await).await;
    let mut ids: Vec<_> = events()
        .iter()
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let expected: Vec<_> = written
        .iter()
        .map(|row| row.record_id().expect("an id").to_string())
        .collect();
    assert_eq!(ids, expected, "each at least once");
    for event in events() {
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], "dev.tollgate.usage.v1");
        assert_eq!(event["subject"], "mobile-app");
        assert_eq!(event["data"]["id"], event["id"]);
        assert_eq!(event["data"]["time"], event["time"]);
        let key = stack.key.text().get(4..14).expect("an id");
        assert_eq!(event["data"]["key_id"], key);
    }
    for (said, _) in batches.lock().expect("no poison").iter() {
        let expected = "application/cloudevents-batch+json; charset=utf-8 Bearer canary-token";
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn a_collector_that_is_away_is_said_before_anything_is_read() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let url = format!("http://{address}/events?sas=canary");
    for more in [&["--follow"][..], &["--from", "2020-01-01"]] {
        // There is no such ledger, and that is not what is said.
        let arguments = ["export", "--data-directory", "nowhere", "--to-url", &url];
        let output = usage(&[&arguments[..], more].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        let said = format!("the collector at http://{address} does not answer: ");
        assert!(
            errors.contains(&said) && errors.contains("refused"),
            "{errors}"
        );
        assert!(!errors.contains("canary"), "{errors}");
    }
}
