//! `envoy/standalone.yaml` on the real Envoy, with a service in tollgate's place: what the
//! configuration itself must hold, whatever tollgate does.

mod support;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{Gate, Verdict, immediate, refusal};
use tollgate_integration::stack::echo::{INSTANCE_HEADERS, PUBLIC_HEADERS};
use tollgate_integration::stack::envoy::validate;
use tollgate_integration::stack::{BACKEND_HOST, CHAT_PATH, EnvoyConfig, Options, Stack};

/// `request_body_buffer_limit` of the configuration.
const MAX_BODY_BYTES: usize = 17 << 20;

/// A gateway whose service gives `verdict`, in front of an echo.
async fn gateway(verdict: Verdict) -> (Stack, Gate) {
    let gate = Gate::new(verdict);
    let options = Options::default().decisions(gate.clone()).echo_backend();
    (Stack::start(options).await, gate)
}

fn assert_openai_error(status: u16, body: &str, code: &str) {
    let error: Value = serde_json::from_str(body).unwrap_or_default();
    let error = &error["error"];
    assert_eq!(error["code"], code, "{status}: {body}");
    for member in ["message", "type"] {
        assert!(
            error[member].is_string(),
            "{status} has no {member}: {body}"
        );
    }
    assert_eq!(error.get("param"), Some(&Value::Null), "{status}: {body}");
}

#[tokio::test]
async fn the_configuration_is_valid() {
    let directory = tempfile::tempdir().expect("a directory");
    let certificates = support::write_certificate(directory.path());
    let mut config = EnvoyConfig::standalone().expect("envoy/standalone.yaml");
    // The only edit: Envoy reads the files when it validates.
    config.certificate(&certificates.0, &certificates.1);
    validate(&config, directory.path())
        .await
        .expect("a valid configuration, without warnings");
}

#[tokio::test]
async fn the_configuration_for_several_backends_is_valid() {
    let directory = tempfile::tempdir().expect("a directory");
    let certificates = support::write_certificate(directory.path());
    let mut config = EnvoyConfig::pools().expect("envoy/pools.yaml");
    config.certificate(&certificates.0, &certificates.1);
    validate(&config, directory.path())
        .await
        .expect("a valid configuration, without warnings");
}

/// Asserts that Envoy takes what is written for these backends.
async fn assert_valid_for(backends: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let certificates = support::write_certificate(directory.path());
    let file = directory.path().join("tollgate.yaml");
    // Envoy reads the file of authorities when it validates.
    let yaml = format!(
        "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\nidentity: {{ managed_identity: {{}} }}\nenvoy: {{ trusted_ca: {} }}\nbackends:\n{backends}",
        certificates.0.display()
    );
    std::fs::write(&file, yaml).expect("written");
    let mut config = EnvoyConfig::written_from(&file, &[]).await.expect("a file");
    config.certificate(&certificates.0, &certificates.1);
    validate(&config, directory.path())
        .await
        .expect("a valid configuration, without warnings");
}

#[tokio::test]
async fn the_configuration_for_backends_by_their_addresses_is_valid() {
    assert_valid_for("  - { name: four, endpoint: \"https://10.1.2.3\" }\n  - { name: six, endpoint: \"https://[fd00::7]:8443\" }\n").await;
}

#[tokio::test]
async fn the_configuration_for_many_backends_with_long_names_is_valid() {
    let named = |number: u32| {
        let name = format!("{}-{number}", "a".repeat(60));
        format!("  - {{ name: {name}, endpoint: \"https://{name}.openai.azure.com\" }}\n")
    };
    let backends: String = (0..8).map(named).collect();
    assert_valid_for(&backends).await;
}

#[tokio::test]
async fn the_configuration_of_an_envoy_that_traces_is_valid() {
    let directory = tempfile::tempdir().expect("a directory");
    let certificates = support::write_certificate(directory.path());
    let file = directory.path().join("tollgate.yaml");
    for tracing in [
        "{ collector: \"http://127.0.0.1:4317\", sampling_percent: 0.5 }",
        "{ collector: \"https://otel.example:4317\", follow_callers: false }",
        "{ collector: \"https://[fd00::9]\", service_name: edge }",
    ] {
        let yaml = format!(
            "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\nidentity: {{ managed_identity: {{}} }}\nenvoy: {{ trusted_ca: {}, tracing: {tracing} }}\nbackends: [ {{ name: a, endpoint: \"https://10.1.2.3\" }} ]\n",
            certificates.0.display()
        );
        std::fs::write(&file, yaml).expect("written");
        let mut config = EnvoyConfig::written_from(&file, &[]).await.expect("a file");
        config.certificate(&certificates.0, &certificates.1);
        validate(&config, directory.path())
            .await
            .expect("a valid configuration, without warnings");
    }
}

#[tokio::test]
async fn the_configuration_for_certificates_is_the_other_one_with_named_differences() {
    let mtls = EnvoyConfig::standalone_mtls().expect("envoy/standalone-mtls.yaml");
    let mut derived = EnvoyConfig::standalone().expect("envoy/standalone.yaml");
    derived.ask_for_certificates();
    // Without the values: they are two whole files.
    assert!(
        derived.0 == mtls.0,
        "diff the two files: they differ in more than `ask_for_certificates` says"
    );
    let directory = tempfile::tempdir().expect("a directory");
    let certificates = support::write_certificate(directory.path());
    derived.certificate(&certificates.0, &certificates.1);
    validate(&derived, directory.path())
        .await
        .expect("a valid configuration");
}

#[tokio::test]
async fn a_refusal_goes_out_as_the_service_wrote_it() {
    for status in [400, 401, 404, 413, 503] {
        for verdict in [refusal(status), immediate(status)] {
            let (stack, _) = gateway(verdict.clone()).await;
            let answer = stack.chat(&json!({})).send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{verdict:?}");
            assert_eq!(
                answer.headers()["content-type"],
                "application/json",
                "{verdict:?}"
            );
            assert_eq!(
                answer.text().await.expect("a body"),
                support::BODY,
                "{verdict:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_refusal_opens_no_second_exchange() {
    let (stack, gate) = gateway(refusal(401)).await;
    stack.chat(&json!({})).send().await.expect("an answer");
    let raw = "GET /openai/%2F HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stack.callers.send_raw(raw).await.expect("an answer");
    stack
        .envoy
        .access_log()
        .wait_for_count("both requests", 2)
        .await;
    assert_eq!(
        gate.messages(),
        0,
        "ext_proc was asked about a request that was refused before"
    );
}

#[tokio::test]
async fn envoys_own_errors_have_the_shape_that_sdks_parse() {
    let (stack, gate) = gateway(Verdict::Pass).await;
    let long = "a".repeat(40_000);
    let line = |line: &str| format!("{line}\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let get = "GET /openai/v1/models HTTP/1.1";
    let cases = [
        (400, "bad_request", line("GET /openai/v1%2Fmodels HTTP/1.1")),
        (400, "bad_request", line("GET /openai/v1%5Cmodels HTTP/1.1")),
        (400, "bad_request", line("GET /openai/v1/%00 HTTP/1.1")),
        (400, "bad_request", line("GET /openai/v1/models#x HTTP/1.1")),
        (400, "bad_request", line(&format!("{get}\r\napi_key: x"))),
        (400, "bad_request", line(&format!("{get}\r\nx: a\0b"))),
        (400, "bad_request", line("nonsense")),
        (400, "bad_request", format!("{get}\r\nconnection: close\r\n\r\n")),
        (403, "bad_request", line("CONNECT localhost:443 HTTP/1.1")),
        (403, "bad_request", "GET /openai/v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".into()),
        (404, "not_found", line("GET /metrics HTTP/1.1")),
        (404, "not_found", line("GET /OpenAI/v1/models HTTP/1.1")),
        (404, "not_found", line("TRACE /openai/v1/models HTTP/1.1")),
        (426, "bad_request", "GET /openai/v1/models HTTP/1.0\r\n\r\n".into()),
        (431, "request_headers_too_large", line(&format!("{get}\r\nx: {long}"))),
    ];
    for (status, code, request) in cases {
        let start: String = request.chars().take(70).collect();
        let answer = stack.callers.send_raw(&request).await;
        let answer = answer.unwrap_or_else(|failure| panic!("{start}: {failure}"));
        assert_eq!(answer.status, status, "{start}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{start}"
        );
        assert_openai_error(status, &answer.body, code);
    }
    assert_eq!(gate.seen_by_backend(), 0, "one of them reached the backend");
}

#[tokio::test]
async fn paths_reach_the_service_in_one_spelling() {
    let (stack, gate) = gateway(Verdict::Pass).await;
    for path in [
        "/openai//v1/models",
        "//openai/v1/models",
        "/openai/v1/x/../models",
        "/openai/v1/%6Dodels",
    ] {
        let raw = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = stack.callers.send_raw(raw).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(gate.last_path(), "/openai/v1/models", "{path}");
    }
}

#[tokio::test]
async fn nothing_passes_without_a_decision() {
    for verdict in [
        Verdict::FailCheck,
        Verdict::FailProcess,
        Verdict::SilentProcess,
    ] {
        let (stack, _) = gateway(verdict.clone()).await;
        let answer = stack.chat(&json!({})).send().await.expect("an answer");
        assert_eq!(
            answer.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{verdict:?}"
        );
        let body = answer.text().await.expect("a body");
        assert_openai_error(503, &body, "gateway_unavailable");
    }
    let stack = Stack::start(Options::default().without_tollgate().echo_backend()).await;
    let answer = stack.chat(&json!({})).send().await.expect("an answer");
    assert_eq!(
        answer.status(),
        StatusCode::SERVICE_UNAVAILABLE,
        "no tollgate at all"
    );
    assert_eq!(
        stack
            .envoy
            .stat("cluster.azure_openai.upstream_rq_total")
            .await
            .expect("stats"),
        0
    );
}

#[tokio::test]
async fn callers_credentials_and_switches_stop_at_envoy() {
    let (stack, _) = gateway(Verdict::Pass).await;
    let withheld = [
        "api-key",
        "x-api-key",
        "ocp-apim-subscription-key",
        "proxy-authorization",
        "cookie",
        "x-forwarded-client-cert",
        "x-ms-spillover-deployment",
        "x-envoy-retry-on",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-original-path",
        "x-forwarded-for",
    ];
    let mut request = stack.callers.http2().post(stack.callers.url(CHAT_PATH));
    for name in withheld {
        request = request.header(name, "chosen-by-the-caller");
    }
    let answer = request
        .header("x-request-id", "mine")
        .body("{}")
        .send()
        .await;
    let answer = answer.expect("an answer");
    let request_id = answer.headers()["x-request-id"].clone();
    let seen: Value = answer.json().await.expect("what the backend saw");
    for name in withheld {
        assert!(
            seen["headers"].get(name).is_none(),
            "{name} reached the backend"
        );
    }
    assert_eq!(seen["headers"]["host"], json!([BACKEND_HOST]));
    assert_ne!(request_id, "mine", "the caller chose the request's id");
    assert_eq!(
        seen["headers"]["x-request-id"],
        json!([request_id.to_str().expect("text")])
    );
}

#[tokio::test]
async fn callers_do_not_see_the_shared_instance() {
    let (stack, _) = gateway(Verdict::Pass).await;
    let answer = stack.chat(&json!({})).send().await.expect("an answer");
    for (name, _) in INSTANCE_HEADERS {
        assert!(
            !answer.headers().contains_key(name),
            "{name} reached the caller"
        );
    }
    for (name, _) in PUBLIC_HEADERS {
        assert!(answer.headers().contains_key(name), "{name} is missing");
    }
    assert_ne!(
        answer.headers()["x-request-id"],
        "chosen-by-azure",
        "two ids for one request"
    );
    for (name, value) in answer.headers() {
        assert!(!name.as_str().starts_with("x-envoy"), "{name}: {value:?}");
    }
}

/// The service answers on a thread of its own, as it does in production. On the caller's thread it can
/// be kept from answering until the whole body has come: Envoy then has more than it may hold before
/// anybody has asked for it, stops reading, and waits until `request_timeout`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_the_limit_passes_and_a_larger_one_is_413() {
    let (stack, _) = gateway(Verdict::Pass).await;
    for http in [stack.callers.http1(), stack.callers.http2()] {
        let post = |bytes: usize| {
            http.post(stack.callers.url(CHAT_PATH))
                .body(vec![b' '; bytes])
                .send()
        };
        let answer = post(MAX_BODY_BYTES).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "the largest body");
        // Envoy looks at the limit once for each piece that it reads.
        let answer = post(MAX_BODY_BYTES + (1 << 20)).await.expect("an answer");
        assert_eq!(
            answer.status(),
            StatusCode::PAYLOAD_TOO_LARGE,
            "a larger body"
        );
        assert_openai_error(
            413,
            &answer.text().await.expect("a body"),
            "request_too_large",
        );
    }
}

#[tokio::test]
async fn a_rewritten_body_arrives_whole_with_its_own_length() {
    let (stack, _) = gateway(Verdict::Rewrite).await;
    let answer = stack
        .chat(&json!({ "stream": true }))
        .send()
        .await
        .expect("an answer");
    let seen: Value = answer.json().await.expect("what the backend saw");
    assert_eq!(seen["body"], support::REWRITTEN);
    assert_eq!(
        seen["headers"]["content-length"],
        json!([support::REWRITTEN.len().to_string()])
    );
    assert_eq!(seen["headers"]["authorization"], json!(["Bearer gateway"]));
}

#[tokio::test]
async fn the_access_log_has_the_usage_and_no_query() {
    let (stack, _) = gateway(Verdict::Rewrite).await;
    let path = format!("{CHAT_PATH}&subscription-key=secret");
    stack
        .post(&path, &json!({}))
        .send()
        .await
        .expect("an answer");
    let line = stack
        .envoy
        .access_log()
        .wait_for_json("the request", |_| true)
        .await;
    assert_eq!(line["path"], "/openai/deployments/gpt-4o/chat/completions");
    assert_eq!(line["client"], "mobile-app", "{line}");
    assert_eq!(line["total_tokens"], 34, "a number, not a text: {line}");
    assert!(!line.to_string().contains("secret"), "{line}");
    assert!(!line.to_string().contains(stack.key.text()), "{line}");
}

#[tokio::test]
async fn a_backend_with_a_certificate_for_another_name_gets_nothing() {
    let edit = |config: &mut EnvoyConfig| {
        let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint";
        let cluster = config.cluster("azure_openai");
        cluster.pointer_mut(endpoint).expect("an endpoint")["hostname"] =
            json!("other.openai.azure.com");
    };
    let options = Options::default()
        .decisions(Gate::new(Verdict::Pass))
        .edit_envoy(edit);
    let stack = Stack::start(options).await;
    let answer = stack.chat(&json!({})).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_openai_error(
        503,
        &answer.text().await.expect("a body"),
        "service_unavailable",
    );
    assert!(stack.azure.requests().is_empty(), "the backend was asked");
}
