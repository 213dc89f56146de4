//! The log and the audit log at a collector that speaks the real protocol.

use reqwest::StatusCode;
use serde_json::Value;
use tollgate_integration::fakes::collector::{Collector, SeenLog};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, wait_for};

use crate::control::{Control, with_sqlite};
use crate::support::{hello, metric, refusal_line, send, settled, usage_line};

const INFO: i32 = 9;
const WARN: i32 = 13;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// All signals go to the collector.
fn options(of: Options, collector: &Collector, protocol: &str) -> Options {
    let address = match protocol {
        "grpc" => collector.grpc,
        _ => collector.http,
    };
    of.envoy_as_written()
        .tollgate_env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"))
        .tollgate_env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .tollgate_env("OTEL_LOGS_EXPORTER", "otlp")
        .tollgate_env("OTEL_BSP_SCHEDULE_DELAY", "20")
        .tollgate_env("OTEL_BLRP_SCHEDULE_DELAY", "20")
}

/// An event of the audit log.
async fn event(collector: &Collector, name: &str) -> SeenLog {
    let seen = collector.log(name, |it| it.event_name == name).await;
    assert_eq!(seen.scope, "tollgate.audit", "{seen:?}");
    assert_eq!(seen.resource["service.name"], "tollgate", "{seen:?}");
    seen
}

/// The body is the line, but for what is null in it.
fn assert_is_line(event: &SeenLog, line: &Value) {
    let members = line.as_object().expect("an object").clone();
    let said = members.into_iter().filter(|(_, value)| !value.is_null());
    assert_eq!(event.body, said.collect::<Value>());
}

#[tokio::test]
async fn lines_of_the_log_and_of_the_audit_log_come_with_the_trace_of_their_request() {
    for (protocol, over) in [("grpc", "grpc"), ("http/protobuf", "http")] {
        let collector = Collector::start().await;
        let stack = Stack::start(options(with_sqlite(), &collector, protocol)).await;
        let request = stack.chat(&hello()).header("traceparent", TRACEPARENT);
        let answer = send(request.header("x-fake-fault", "status-500")).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let stranger = TestKey::numbered(7);
        let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
        let request = request.header("api-key", stranger.text());
        let request = request.header("traceparent", TRACEPARENT);
        assert_eq!(send(request.json(&hello())).await.status(), 401);
        Control::of(&stack).issue(&[]).await;

        let span = collector
            .span("the request's", |it| it.name == "chat gpt-4o")
            .await;
        let usage = event(&collector, "tollgate.usage").await;
        assert_is_line(&usage, &usage_line(&stack).await);
        assert_eq!((usage.over, &*usage.span_id), (over, &*span.span_id));
        assert_eq!(usage.severity, (INFO, "INFO".to_owned()));
        for name in ["tollgate.client", "gen_ai.request.model", "error.type"] {
            assert_eq!(usage.get(name), span.get(name), "{name}");
        }
        let refused = event(&collector, "tollgate.refused").await;
        assert_is_line(&refused, &refusal_line(&stack).await);
        assert_eq!(refused.severity, (WARN, "WARN".to_owned()));
        assert_eq!(refused.get("error.type"), "key_unknown");
        let says = |it: &SeenLog| it.scope == "tollgate::upstream::pools::failures";
        let warning = collector.log("a warning", says).await;
        assert_eq!(warning.severity, (WARN, "WARN".to_owned()));
        assert_eq!(
            (&*warning.event_name, &*warning.span_id),
            ("", &*span.span_id)
        );
        assert_eq!(warning.get("status"), 500);
        let body = warning.body.as_str().expect("a text");
        assert!(body.starts_with("the backend fails"), "{body}");
        for record in [&usage, &refused, &warning] {
            assert_eq!(record.trace_id, TRACE, "{record:?}");
            assert!(record.at > 0, "{record:?}");
        }
        let key = event(&collector, "tollgate.key").await;
        assert_eq!(
            (&key.body["action"], key.severity.0),
            (&"issue".into(), INFO)
        );
    }
}

#[tokio::test]
async fn an_endpoint_for_all_signals_does_not_switch_logs_on() {
    let collector = Collector::start().await;
    let options = options(Options::default(), &collector, "grpc");
    let mut stack = Stack::start(options.tollgate_env("OTEL_LOGS_EXPORTER", "")).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    collector
        .span("what is on", |it| it.name == "chat gpt-4o")
        .await;
    let child = stack.tollgate_mut().child();
    child.signal("TERM").await.expect("a signal");
    child.ended().await.expect("it ends");
    let logs = collector.logs();
    assert!(logs.is_empty(), "nobody has asked for them: {logs:?}");
}

#[tokio::test]
async fn what_a_collector_does_not_take_is_counted_and_said_on_standard_error_alone() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start().await;
        // Over gRPC it is tried again, until this time is over.
        collector.refuse(400);
        let options = options(Options::default(), &collector, protocol)
            .tollgate_env("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
            .tollgate_env("TOLLGATE_LOG", "trace")
            .tollgate_env("OTEL_TRACES_EXPORTER", "none")
            .tollgate_env("OTEL_METRICS_EXPORTER", "none");
        let stack = Stack::start(options).await;
        for count in [1.0, 2.0] {
            assert_eq!(send(stack.chat(&hello())).await.status(), 200);
            let labels = ["signal=\"logs\"", "outcome=\"failed\""];
            wait_for("records that are dropped", async || {
                let dropped = metric(&stack, "tollgate_telemetry_items_total", &labels).await;
                (dropped >= count).then_some(())
            })
            .await;
        }
        settled(&stack, 2).await;
        let log = stack.tollgate().log();
        let is_said = |it: &Value| it["signal"] == "logs" && it["level"] == "WARN";
        log.wait_for_json("a warning", is_said).await;
        let said = log.json();
        let said: Vec<_> = said.iter().filter(|it| is_said(it)).collect();
        assert_eq!(said.len(), 1, "once a minute: {said:?}");
        collector.refuse(0);
        assert_eq!(send(stack.chat(&hello())).await.status(), 200);
        event(&collector, "tollgate.usage").await;
        let logs = collector.logs();
        for SeenLog { scope, body, .. } in &logs {
            let is_own = scope.starts_with("tollgate") && !scope.contains("otlp");
            assert!(is_own, "sent of the sending: {scope} {body}");
        }
    }
}

#[tokio::test]
async fn no_request_waits_for_a_collector_that_does_not_answer_and_the_queue_is_bounded() {
    let collector = Collector::start().await;
    collector.hold(true);
    let options = options(Options::default(), &collector, "http/protobuf")
        .tollgate_env("OTEL_BLRP_MAX_QUEUE_SIZE", "1")
        .tollgate_env("OTEL_TRACES_EXPORTER", "none")
        .tollgate_env("OTEL_METRICS_EXPORTER", "none");
    let stack = Stack::start(options).await;
    for _ in 0..4 {
        assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    }
    // All are written, whether or not they found room for the collector.
    settled(&stack, 4).await;
    wait_for("records that found no room", async || {
        let labels = ["signal=\"logs\"", "outcome=\"no_room\""];
        let lost = metric(&stack, "tollgate_telemetry_items_total", &labels).await;
        (lost >= 1.0).then_some(())
    })
    .await;
}
