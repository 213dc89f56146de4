//! Thresholds of quotas as CloudEvents, to a real receiver that is away for a while.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::reload::reloaded;
use crate::support::{hello, metric, send};

type Received = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// Takes events at a port.
struct Receiver {
    port: u16,
    received: Received,
    serving: JoinHandle<()>,
}

impl Receiver {
    async fn start(port: u16, received: &Received) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.expect("the port");
        let port = listener.local_addr().expect("an address").port();
        let kept = Arc::clone(received);
        let take = move |headers: HeaderMap, Json(event): Json<Value>| async move {
            kept.lock().expect("no poison").push((headers, event));
            StatusCode::ACCEPTED
        };
        let router = Router::new().route("/quotas", post(take));
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            port,
            received: Arc::clone(received),
            serving,
        }
    }

    async fn stop(self) -> u16 {
        self.serving.abort();
        let _ = self.serving.await;
        self.port
    }

    /// The percentages that have come.
    fn percent(&self) -> Vec<u64> {
        let received = self.received.lock().expect("no poison");
        let percent = received
            .iter()
            .map(|(_, it)| it["data"]["percent"].as_u64());
        percent.map(Option::unwrap_or_default).collect()
    }

    async fn wait_for(&self, percent: &[u64]) {
        wait_for("an event", async || {
            (self.percent().len() >= percent.len()).then_some(())
        })
        .await;
        assert_eq!(self.percent(), percent);
    }
}

async fn requests(stack: &Stack, count: usize) {
    for _ in 0..count {
        let answer = send(stack.chat(&hello())).await;
        assert_eq!(answer.status(), 200);
        answer.text().await.expect("a whole answer");
    }
}

/// What the specification requires of an event in structured mode, section 2.4 of its attributes and 3.2 of
/// its binding to HTTP.
fn assert_is_event(headers: &HeaderMap, event: &Value) {
    let media_type = headers["content-type"].to_str().expect("text");
    assert_eq!(media_type, "application/cloudevents+json; charset=utf-8");
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    assert_eq!(text("specversion"), "1.0");
    assert!(!text("id").is_empty(), "{event}");
    let source = text("source");
    let is_reference = |c: char| c.is_ascii_alphanumeric() || "/-._~%".contains(c);
    assert!(
        !source.is_empty() && source.chars().all(is_reference),
        "{event}"
    );
    assert_eq!(text("type"), "dev.tollgate.quota.threshold.v1");
    assert_eq!(text("datacontenttype"), "application/json");
    for at in [
        text("time"),
        event["data"]["renews"].as_str().unwrap_or_default(),
    ] {
        let is_rfc3339 = at.as_bytes().get(10) == Some(&b'T') && at.ends_with('Z');
        assert!(is_rfc3339, "{at}: {event}");
    }
    let members = event.as_object().expect("an object").keys();
    let mut is_name = members.map(|it| {
        it.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    });
    assert!(is_name.all(|it| it), "names of attributes: {event}");
}

#[tokio::test]
async fn each_threshold_is_one_event_also_where_its_receiver_was_away() {
    let received = Received::default();
    let receiver = Receiver::start(0, &received).await;
    let events = format!(
        "limits: {{ events: {{ url: \"http://127.0.0.1:{}/quotas\", bearer_file: token }} }}\n",
        receiver.port
    );
    let options = Options::default().edit_config(move |yaml| {
        let token = yaml
            .split("unix:")
            .nth(1)
            .and_then(|it| it.split("/envoy/").next());
        let token = std::path::Path::new(token.expect("a directory")).join("token");
        std::fs::write(token, "canary-one\n").expect("written");
        let limits =
            "    products: [standard]\n    limits: { quotas: [ { requests: 10, per: year } ] }\n";
        yaml.replacen("    products: [standard]\n", limits, 1) + &events
    });
    let stack = Stack::start(options).await;
    requests(&stack, 5).await;
    receiver.wait_for(&[50]).await;

    // Away: requests go on.
    let port = receiver.stop().await;
    requests(&stack, 3).await;
    let log = stack.tollgate().log();
    let is_said = |line: &Value| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("the collector of events is tried again")
    };
    log.wait_for_json("the receiver is away", is_said).await;
    // Another token, meanwhile.
    std::fs::write(stack.directory().join("token"), "canary-two\n").expect("written");
    reloaded(&stack, "success", 1.0).await;
    let receiver = Receiver::start(port, &received).await;
    receiver.wait_for(&[50, 80]).await;

    requests(&stack, 2).await;
    receiver.wait_for(&[50, 80, 100]).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 403, "used up");
    let sent = metric(&stack, "tollgate_limit_events_total", &["outcome=\"sent\""]).await;
    let lost = metric(&stack, "tollgate_limit_events_total", &[]).await - sent;
    assert_eq!((sent, lost), (3.0, 0.0));

    let all = received.lock().expect("no poison").clone();
    let mut ids: Vec<_> = all
        .iter()
        .map(|(_, event)| event["id"].to_string())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each has its own id");
    for (headers, event) in &all {
        assert_is_event(headers, event);
        assert_eq!(event["subject"], "client mobile-app");
        let data = &event["data"];
        for (name, expected) in [
            ("scope", json!("client")),
            ("client", json!("mobile-app")),
            ("measure", json!("requests")),
            ("period", json!("year")),
            ("limit", json!(10)),
        ] {
            assert_eq!(data[name], expected, "{event}");
        }
    }
    let tokens: Vec<_> = all
        .iter()
        .map(|(headers, _)| &headers["authorization"])
        .collect();
    assert_eq!(
        tokens,
        [
            "Bearer canary-one",
            "Bearer canary-two",
            "Bearer canary-two"
        ]
    );
}
