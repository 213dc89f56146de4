//! What is done in which order when all requests have ended: what is charged for first, and collectors at last.

use tollgate_integration::fakes::collector::Collector;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::support::{hello, send, settled};

/// Longer than the test.
const HOUR_MS: &str = "3600000";

/// Nothing is sent before the end.
fn options(collector: &Collector, protocol: &str) -> Options {
    let address = match protocol {
        "grpc" => collector.grpc,
        _ => collector.http,
    };
    Options::default()
        .edit_config(|yaml| yaml + "data_directory: data\naudit: { file: audit.jsonl }\n")
        .tollgate_env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"))
        .tollgate_env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .tollgate_env("OTEL_LOGS_EXPORTER", "otlp")
        .tollgate_env("OTEL_BLRP_SCHEDULE_DELAY", HOUR_MS)
        .tollgate_env("OTEL_BSP_SCHEDULE_DELAY", HOUR_MS)
        .tollgate_env("OTEL_METRIC_EXPORT_INTERVAL", HOUR_MS)
}

/// What a process has open of these.
fn open_of(process: u32, ends: &[&str]) -> Vec<String> {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs");
    let paths = files.filter_map(|it| std::fs::read_link(it.ok()?.path()).ok());
    let paths = paths.map(|it| it.display().to_string());
    paths
        .filter(|path| ends.iter().any(|end| path.ends_with(end)))
        .collect()
}

#[tokio::test]
async fn ledger_and_audit_log_are_closed_before_collectors_are_waited_for_and_those_at_once() {
    let kept = ["/usage-log/lock", "/audit.jsonl"];
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start().await;
        let mut stack = Stack::start(options(&collector, protocol)).await;
        assert_eq!(send(stack.chat(&hello())).await.status(), 200);
        settled(&stack, 1).await;
        let process = stack.tollgate_mut().child().pid().expect("it runs");
        assert_eq!(open_of(process, &kept).len(), kept.len());
        collector.hold(true);
        let child = stack.tollgate_mut().child();
        child.signal("TERM").await.expect("a signal");
        wait_for("all signals, none of which is answered", async || {
            (collector.waiting() == ["logs", "metrics", "traces"]).then_some(())
        })
        .await;
        let open = open_of(process, &kept);
        assert!(open.is_empty(), "{protocol}: not ended before: {open:?}");
        collector.hold(false);
        let ended = stack.tollgate_mut().child().ended().await.expect("it ends");
        assert_eq!(ended.code(), Some(0), "{protocol}");
        collector.metric("tollgate.requests", |_| true).await;
        collector
            .span("a span", |it| it.name == "chat gpt-4o")
            .await;
        let logs = collector.logs();
        for name in ["tollgate.usage", "stopped"] {
            let is_there = logs
                .iter()
                .any(|it| it.event_name == name || it.body == name);
            assert!(is_there, "{protocol}: no record of {name}: {logs:?}");
        }
        let log = stack.tollgate().log().all();
        let given_up = log.iter().filter(|line| line.contains("could not be sent"));
        assert_eq!(given_up.count(), 0, "{protocol}: one has waited: {log:?}");
    }
}
