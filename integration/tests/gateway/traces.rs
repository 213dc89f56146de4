//! Spans of decisions and requests, in one trace with Envoy's own, at a collector that speaks the real protocol.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tollgate_integration::fakes::collector::{Collector, SeenSpan};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, wait_for};

use crate::support::{hello, hello_stream, metric, send, settled, usage_line};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
/// A span of a caller's, and its trace.
const CALLER: &str = "00f067aa0ba902b7";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// tollgate sends to the collector, and Envoy is the one that `tollgate envoy` writes.
fn options(collector: &Collector, protocol: &str) -> Options {
    let address = match protocol {
        "grpc" => collector.grpc,
        _ => collector.http,
    };
    Options::default()
        .envoy_as_written()
        .tollgate_env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"))
        .tollgate_env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .tollgate_env("OTEL_BSP_SCHEDULE_DELAY", "20")
}

/// And Envoy traces, too.
fn traced(collector: &Collector, protocol: &str) -> Options {
    let section = format!(
        "envoy: {{ tracing: {{ collector: \"http://{}\" }} }}\n",
        collector.grpc
    );
    options(collector, protocol)
        .edit_config(move |yaml| yaml + &section)
        .edit_envoy(|envoy| {
            // The default of 5 s would only make the tests slow.
            let layer = envoy.at("/layered_runtime/layers/0/static_layer");
            layer["tracing.opentelemetry.flush_interval_ms"] = json!(20);
        })
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// A chat that is a part of a caller's trace.
fn chat(stack: &Stack, body: &Value) -> RequestBuilder {
    stack.chat(body).header("traceparent", traceparent("01"))
}

/// A span of tollgate's.
async fn own(collector: &Collector, name: &str) -> SeenSpan {
    let fits = |it: &SeenSpan| it.service() == "tollgate" && it.name == name;
    collector.span(name, fits).await
}

/// The spans that a span is a part of, from the next one up to the caller's, all of which come from Envoy.
async fn above(collector: &Collector, span: &SeenSpan) -> Vec<SeenSpan> {
    let mut found: Vec<SeenSpan> = Vec::new();
    loop {
        let parent = found.last().unwrap_or(span).parent.clone();
        if parent == CALLER {
            return found;
        }
        let next = collector
            .span("a span of Envoy's", |it| it.span_id == parent)
            .await;
        assert_eq!(next.service(), "envoy", "{next:?}");
        assert_eq!(next.trace_id, TRACE, "{next:?}");
        found.push(next);
    }
}

#[tokio::test]
async fn decision_and_request_are_parts_of_envoys_span_in_the_callers_trace() {
    let collector = Collector::start().await;
    let stack = Stack::start(traced(&collector, "grpc")).await;
    let body =
        json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "a5ecret prompt"}]});
    let answer = send(chat(&stack, &body)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.expect("JSON");
    let usage = usage_line(&stack).await;

    let decision = own(&collector, "authorize").await;
    let request = own(&collector, "chat gpt-4o").await;
    for (span, kind) in [(&decision, SERVER), (&request, CLIENT)] {
        assert_eq!((span.kind, &*span.trace_id), (kind, TRACE), "{span:?}");
        assert!(!span.is_error, "{span:?}");
        assert!(span.times.0 <= span.times.1, "{span:?}");
        let above = above(&collector, span).await;
        assert!(above.len() >= 2, "the call, and the request: {above:?}");
        assert_eq!(above.last().map(|it| it.kind), Some(SERVER), "{above:?}");
        assert_eq!(span.get("tollgate.client"), "mobile-app");
        assert_eq!(span.get("tollgate.product"), "standard");
        assert_eq!(span.get("tollgate.request.id"), &usage["request_id"]);
        assert_eq!(span.get("gen_ai.operation.name"), "chat");
        assert_eq!(span.get("gen_ai.provider.name"), "azure.ai.openai");
        assert_eq!(span.get("gen_ai.request.model"), "gpt-4o");
        assert_eq!(span.get("error.type"), &Value::Null);
    }
    assert_eq!(decision.get("tollgate.decision"), "allow");
    assert_eq!(request.get("gen_ai.response.model"), &answer["model"]);
    let tokens = &answer["usage"];
    assert_eq!(
        request.get("gen_ai.usage.input_tokens"),
        &tokens["prompt_tokens"]
    );
    assert_eq!(
        request.get("gen_ai.usage.output_tokens"),
        &tokens["completion_tokens"]
    );
    assert_eq!(
        request.get("gen_ai.response.finish_reasons"),
        &json!(["stop"])
    );
    assert_eq!(request.get("http.response.status_code"), 200);
    assert_eq!(
        request.get("server.address"),
        &json!(stack.azure.addr.ip().to_string())
    );
    assert_eq!(request.get("server.port"), stack.azure.addr.port());
    assert_eq!(usage["trace_id"], TRACE, "{usage}");

    let written = format!("{:?}", collector.spans());
    let text = answer["choices"][0]["message"]["content"]
        .as_str()
        .expect("a text");
    for secret in [
        stack.key.text(),
        "a5ecret",
        text,
        stack.identity.header_secret(),
    ] {
        assert!(!written.contains(secret), "a span shows {secret}");
    }
}

#[tokio::test]
async fn envoys_spans_show_no_query() {
    let collector = Collector::start().await;
    let stack = Stack::start(traced(&collector, "grpc")).await;
    let path = format!("{CHAT_PATH}&api-key=s3cret-in-the-query");
    let request = stack
        .post(&path, &hello())
        .header("traceparent", traceparent("01"));
    send(request).await;
    let root = |it: &SeenSpan| it.service() == "envoy" && it.parent == CALLER;
    collector.span("Envoy's span of the request", root).await;
    own(&collector, "authorize").await;
    let written = format!("{:?}", collector.spans());
    assert!(!written.contains("s3cret-in-the-query"), "{written}");
}

#[tokio::test]
async fn a_refused_request_says_why_in_its_span() {
    let collector = Collector::start().await;
    let stack = Stack::start(traced(&collector, "http/protobuf")).await;
    let stranger = TestKey::numbered(7);
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    let request = request
        .header("api-key", stranger.text())
        .header("traceparent", traceparent("01"));
    assert_eq!(send(request.json(&hello())).await.status(), 401);
    let decision = own(&collector, "authorize").await;
    assert_eq!((decision.over, decision.is_error), ("http", true));
    assert_eq!(decision.get("error.type"), "key_unknown");
    assert_eq!(decision.get("tollgate.decision"), "deny");
    assert_eq!(decision.get("http.response.status_code"), 401);
    above(&collector, &decision).await;

    // The body is refused by ext_proc.
    let body = json!({"model": "gpt-4o", "messages": "none"});
    let path = "/openai/v1/chat/completions";
    let body_of_another = json!({"model": "gpt-5", "messages": body["messages"]});
    let request = stack.post(path, &body_of_another);
    let request = request.header("traceparent", traceparent("01"));
    assert_eq!(send(request).await.status(), 403);
    let refused = own(&collector, "chat").await;
    assert!(refused.is_error, "{refused:?}");
    assert_eq!(refused.get("error.type"), "deployment_not_allowed");
    assert_eq!(refused.get("tollgate.client"), "mobile-app");
    above(&collector, &refused).await;
    let audit = stack.tollgate().audit();
    for line in audit.wait_for_count("two refusals", 2).await {
        assert_eq!(line["trace_id"], TRACE, "{line}");
    }
}

#[tokio::test]
async fn a_stream_and_one_that_breaks_off_have_their_spans() {
    let collector = Collector::start().await;
    let stack = Stack::start(traced(&collector, "grpc")).await;
    send(chat(&stack, &hello_stream()))
        .await
        .text()
        .await
        .expect("a whole stream");
    let whole = own(&collector, "chat gpt-4o").await;
    assert_eq!(whole.get("gen_ai.request.stream"), true);
    assert_eq!(whole.get("error.type"), &Value::Null);
    assert!(
        whole.get("gen_ai.response.time_to_first_chunk").is_f64(),
        "{whole:?}"
    );

    let request = chat(&stack, &hello_stream()).header("x-fake-fault", "drop-mid-stream");
    assert!(send(request).await.text().await.is_err());
    settled(&stack, 2).await;
    let broken = collector
        .span("the span of a stream that broke off", |it| {
            it.name == "chat gpt-4o" && it.is_error
        })
        .await;
    assert_eq!(broken.get("error.type"), "incomplete");
    assert_eq!(broken.get("tollgate.usage.source"), "estimated");
    above(&collector, &broken).await;

    // The backend says no.
    let request = chat(&stack, &hello()).header("x-fake-fault", "status-500");
    send(request).await;
    let failed = collector
        .span("the span of a failure", |it| it.get("error.type") == "500")
        .await;
    assert_eq!(failed.get("http.response.status_code"), 500);
}

/// What the log says of a backend that fails.
async fn warning(stack: &Stack) -> Value {
    let log = stack.tollgate().log();
    let is_it = |line: &Value| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("the backend fails")
    };
    log.wait_for_json("a warning", is_it).await
}

#[tokio::test]
async fn a_warning_about_a_request_has_the_trace_of_its_audit_line_and_of_envoys_access_log() {
    let collector = Collector::start().await;
    let untraced = Options::default().envoy_as_written();
    for (options, is_traced) in [(traced(&collector, "grpc"), true), (untraced, false)] {
        let stack = Stack::start(options).await;
        let request = chat(&stack, &hello()).header("x-fake-fault", "status-500");
        assert_eq!(send(request).await.status(), 500);
        let warning = warning(&stack).await;
        let access = stack.envoy.access_log().wait_for_count("it", 1).await;
        for line in [&warning, &usage_line(&stack).await, &access[0]] {
            assert_eq!(line["trace_id"], TRACE, "{line}");
        }
        match is_traced {
            true => {
                let span = own(&collector, "chat gpt-4o").await;
                assert_eq!(warning["span_id"], *span.span_id, "{warning}");
            }
            false => assert_eq!(warning["span_id"], Value::Null, "{warning}"),
        }
        let log = stack.tollgate().log().json();
        let listening = log.iter().find(|it| it["message"] == "listening");
        let listening = listening.expect("it listens");
        assert_eq!(listening["trace_id"], Value::Null, "it is of no request");
    }
}

#[tokio::test]
async fn what_envoy_does_not_sample_has_no_span() {
    let collector = Collector::start().await;
    let stack = Stack::start(traced(&collector, "grpc")).await;
    let request = stack
        .chat(&hello())
        .header("traceparent", traceparent("00"));
    assert_eq!(send(request).await.status(), 200);
    let usage = usage_line(&stack).await;
    assert_eq!(
        usage["trace_id"], TRACE,
        "the log has the trace all the same"
    );
    // What comes later is there: what should have come before would be, too.
    let request = stack.chat(&hello());
    assert_eq!(send(request).await.status(), 200);
    let later = own(&collector, "chat gpt-4o").await;
    assert_ne!(later.trace_id, TRACE);
    let unsampled = collector
        .spans()
        .into_iter()
        .filter(|it| it.trace_id == TRACE);
    assert_eq!(unsampled.count(), 0);
}

#[tokio::test]
async fn without_envoys_tracing_the_callers_span_is_the_parent_and_else_the_sampler_decides() {
    let collector = Collector::start().await;
    let options = options(&collector, "http/protobuf")
        .tollgate_env("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        .tollgate_env("OTEL_SERVICE_NAME", "gateway")
        .tollgate_env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20s3cret",
        );
    let stack = Stack::start(options).await;
    for request in [stack.chat(&hello()), chat(&stack, &hello())] {
        assert_eq!(send(request).await.status(), 200);
    }
    for name in ["authorize", "chat gpt-4o"] {
        let span = collector.span(name, |it| it.name == name).await;
        assert_eq!(
            (&*span.trace_id, &*span.parent),
            (TRACE, CALLER),
            "{span:?}"
        );
        assert_eq!(span.service(), "gateway");
        assert_eq!(span.authorization.as_deref(), Some("Bearer s3cret"));
    }
    assert_eq!(collector.spans().len(), 2, "the first request has none");
    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("two records", 2)
        .await;
    assert_ne!(lines[0]["trace_id"], TRACE);
    assert_eq!(lines[1]["trace_id"], TRACE);
    let access = stack
        .envoy
        .access_log()
        .wait_for_count("two requests", 2)
        .await;
    assert_eq!(access[1]["trace_id"], TRACE, "{access:?}");
}

#[tokio::test]
async fn a_collector_that_is_away_costs_no_request_and_one_line_of_the_log() {
    let collector = Collector::start().await;
    // One that is not tried again.
    collector.refuse(400);
    let options = traced(&collector, "http/protobuf").tollgate_env(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "authorization=Bearer%20s3cret",
    );
    let stack = Stack::start(options).await;
    let labels = ["signal=\"traces\"", "outcome=\"failed\""];
    for count in [2.0, 4.0] {
        assert_eq!(send(chat(&stack, &hello())).await.status(), 200);
        wait_for("spans that are dropped", async || {
            let dropped = metric(&stack, "tollgate_telemetry_items_total", &labels).await;
            (dropped >= count).then_some(())
        })
        .await;
    }
    let about = |it: &&Value| it["signal"] == "traces" && it["level"] == "WARN";
    let log = stack.tollgate().log().json();
    let said: Vec<_> = log.iter().filter(about).collect();
    let [warning] = said[..] else {
        panic!("one line: {said:?}")
    };
    assert_eq!(warning["reason"], "the collector answers 400", "{warning}");
    assert!(
        stack
            .tollgate()
            .log()
            .all()
            .iter()
            .all(|it| !it.contains("s3cret"))
    );
    collector.refuse(0);
    assert_eq!(send(chat(&stack, &hello())).await.status(), 200);
    own(&collector, "chat gpt-4o").await;
}
