//! The metrics, at a collector and for Prometheus: one set of names, and as many clients as there is room for.

use tollgate_integration::fakes::collector::Collector;
use tollgate_integration::stack::{Options, Stack, TestKey, wait_for};

use crate::support::{call, hello, metric, send, send_json, with_client};

fn sent(collector: &Collector, protocol: &str) -> Options {
    let address = match protocol {
        "grpc" => collector.grpc,
        _ => collector.http,
    };
    Options::default()
        .tollgate_env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"))
        .tollgate_env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .tollgate_env("OTEL_METRIC_EXPORT_INTERVAL", "50")
        .tollgate_env("OTEL_TRACES_EXPORTER", "none")
}

/// Prices, and a ledger for what is recorded.
fn priced(yaml: String) -> String {
    yaml + "data_directory: data\nprices:\n  - { model: gpt-4o, from: 2026-01-01, input: 2.50, output: 10.00, per: 1000000, currency: USD }\n"
}

#[tokio::test]
async fn a_collector_and_prometheus_have_the_same_metrics() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start().await;
        let stack = Stack::start(sent(&collector, protocol).edit_config(priced)).await;
        assert_eq!(send(stack.chat(&hello())).await.status(), 200);
        let failing = stack.chat(&hello()).header("x-fake-fault", "status-400");
        assert_eq!(send(failing).await.status(), 400);
        let client = [("tollgate.client", "mobile-app")];
        let requests = collector
            .metric("tollgate.requests", |it| it.sum(&client) >= 2.0)
            .await;
        assert_eq!(requests.resource["service.name"], "tollgate");
        let dollars = [client[0], ("tollgate.currency", "USD")];
        let cost = collector
            .metric("tollgate.usage.cost", |it| it.sum(&dollars) > 0.0)
            .await;
        let labels = [
            "tollgate_client=\"mobile-app\"",
            "tollgate_currency=\"USD\"",
        ];
        let shown = metric(&stack, "tollgate_usage_cost_total", &labels).await;
        assert!((shown - cost.sum(&dollars)).abs() < 1e-12, "{shown}");
        for (class, count) in [("2xx", 1.0), ("4xx", 1.0)] {
            let of_class = ("tollgate.status.class", class);
            let answers = collector.metric("tollgate.backend.answers", |_| true).await;
            assert_eq!(
                answers.sum(&[("tollgate.backend", "sweden"), of_class]),
                count,
                "{class}"
            );
        }
        let decided = collector
            .metric("tollgate.decision.duration", |_| true)
            .await;
        assert_eq!(
            (decided.sum(&[("decision", "allow")]), &*decided.unit),
            (2.0, "s")
        );
        let recorded = collector
            .metric("tollgate.record.duration", |it| it.sum(&[]) >= 2.0)
            .await;
        assert_eq!(recorded.sum(&[]), 2.0);
        let memory = collector.metric("process.memory.usage", |_| true).await;
        assert!(memory.sum(&[]) > 1e6 && memory.unit == "By", "{memory:?}");
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        let info = collector.metric("tollgate.build.info", |_| true).await;
        assert_eq!(info.sum(&build), 1.0);

        // What is sent is what Prometheus reads.
        let text = stack.tollgate().metrics().await.expect("metrics");
        for name in collector.metric_names() {
            let shown = name.replace('.', "_");
            let has = text
                .lines()
                .any(|it| it.starts_with(&format!("# TYPE {shown}")));
            assert!(has, "{name} is not in /metrics:\n{text}");
        }
        for name in [
            "process_cpu_time_seconds_total",
            "process_memory_usage_bytes",
            "process_unix_file_descriptor_count",
            "process_uptime_seconds",
            "tollgate_build_info",
            "tollgate_decision_duration_seconds_count",
        ] {
            assert!(metric(&stack, name, &[]).await > 0.0, "{name}:\n{text}");
        }
    }
}

#[tokio::test]
async fn clients_beyond_those_that_there_is_room_for_share_a_label() {
    let other = TestKey::numbered(2);
    let hash = other.sha256();
    let edit = move |yaml: String| {
        with_client(&yaml, "second", &hash, "standard")
            + "metrics: { labels: { max_clients: 1 } }\n"
    };
    let stack = Stack::start(Options::default().edit_config(edit)).await;
    let path = tollgate_integration::stack::CHAT_PATH;
    for key in [stack.key.text(), other.text()] {
        let request = call(&stack, key, "POST", path).json(&hello());
        assert_eq!(send_json(request).await.0, 200);
    }
    for client in ["mobile-app", "all others"] {
        let label = format!("tollgate_client=\"{client}\"");
        wait_for("the request to be counted", async || {
            let requests = metric(&stack, "tollgate_requests_total", &[&label]).await;
            (requests == 1.0).then_some(())
        })
        .await;
    }
    let second = metric(
        &stack,
        "tollgate_requests_total",
        &["tollgate_client=\"second\""],
    )
    .await;
    assert_eq!(second, 0.0);
}

#[tokio::test]
async fn metrics_can_do_without_clients() {
    let edit = |yaml: String| yaml + "metrics: { labels: { max_clients: 0 } }\n";
    let stack = Stack::start(Options::default().edit_config(edit)).await;
    assert_eq!(send_json(stack.chat(&hello())).await.0, 200);
    let text = wait_for("the request to be counted", async || {
        let text = stack.tollgate().metrics().await.expect("metrics");
        text.contains("tollgate_requests_total{").then_some(text)
    })
    .await;
    assert!(!text.contains("mobile-app"), "{text}");
}
