//! Telemetry over TLS: to a collector of a private authority, and to none that another one vouches for.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tollgate_integration::fakes::certificates::{CertificateAuthority, CertifiedKey};
use tollgate_integration::fakes::collector::Collector;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::support::{hello, metric, send};

const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];

/// Authorities of the collector and of somebody else, and what tollgate may show.
struct Certificates {
    folder: TempDir,
    authority: CertificateAuthority,
    collector: CertifiedKey,
}

impl Certificates {
    fn new() -> Self {
        let authority = CertificateAuthority::new("telemetry").expect("an authority");
        let other = CertificateAuthority::new("somebody else").expect("an authority");
        let folder = tempfile::tempdir().expect("a folder");
        let own = authority.client("spiffe://acme/tollgate").expect("signed");
        let foreign = other.client("spiffe://acme/tollgate").expect("signed");
        for (name, pem) in [
            ("authority.pem", authority.certificate_pem()),
            ("other.pem", other.certificate_pem()),
            ("own.pem", &own.certificate_pem),
            ("own.key", &own.key_pem),
            ("foreign.pem", &foreign.certificate_pem),
            ("foreign.key", &foreign.key_pem),
        ] {
            std::fs::write(folder.path().join(name), pem).expect("written");
        }
        let collector = authority.server(&["127.0.0.1"]).expect("signed");
        Self {
            folder,
            authority,
            collector,
        }
    }

    fn path(&self, name: &str) -> String {
        path(&self.folder.path().join(name))
    }
}

fn path(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// All signals go there, and this is who may have signed the collector's certificate.
fn options(
    collector: &Collector,
    protocol: &str,
    certificates: &Certificates,
    trusted: &str,
) -> Options {
    Options::default()
        .tollgate_env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            &format!("https://{}", collector.http),
        )
        .tollgate_env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .tollgate_env("OTEL_EXPORTER_OTLP_CERTIFICATE", &certificates.path(trusted))
        // What can't be sent is given up soon.
        .tollgate_env("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
        .tollgate_env("OTEL_LOGS_EXPORTER", "otlp")
        .tollgate_env("OTEL_BSP_SCHEDULE_DELAY", "20")
        .tollgate_env("OTEL_BLRP_SCHEDULE_DELAY", "20")
        .tollgate_env("OTEL_METRIC_EXPORT_INTERVAL", "50")
}

/// With a certificate of tollgate's own.
fn shown(options: Options, certificates: &Certificates, name: &str) -> Options {
    let [certificate, key] = ["pem", "key"].map(|end| certificates.path(&format!("{name}.{end}")));
    options
        .tollgate_env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &certificate)
        .tollgate_env("OTEL_EXPORTER_OTLP_CLIENT_KEY", &key)
}

/// All three signals come.
async fn assert_all_come(collector: &Collector, options: Options) {
    let stack = Stack::start(options).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    collector
        .span("a span", |it| it.name == "chat gpt-4o")
        .await;
    collector
        .log("a record", |it| it.event_name == "tollgate.usage")
        .await;
    collector.metric("tollgate.requests", |_| true).await;
}

/// None comes; the request is served, and the log says once for each signal why. The reason for spans.
async fn assert_none_comes(collector: &Collector, options: Options) -> String {
    let stack = Stack::start(options).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    for signal in ["traces", "metrics", "logs"] {
        let labels = [&*format!("signal=\"{signal}\""), "outcome=\"failed\""];
        wait_for("what is dropped", async || {
            let dropped = metric(&stack, "tollgate_telemetry_items_total", &labels).await;
            (dropped >= 1.0).then_some(())
        })
        .await;
        let is_said = |it: &Value| it["signal"] == signal && it["level"] == "WARN";
        let log = stack.tollgate().log();
        log.wait_for_json("a warning", is_said).await;
        let said = log.json().into_iter().filter(is_said).count();
        assert_eq!(said, 1, "{signal}");
    }
    assert!(collector.spans().is_empty() && collector.logs().is_empty());
    assert!(collector.metric_names().is_empty());
    let of_traces = |it: &Value| it["signal"] == "traces" && it["level"] == "WARN";
    let warning = stack.tollgate().log().wait_for_json("it", of_traces).await;
    warning["reason"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn all_signals_go_over_tls_to_a_collector_of_a_private_authority() {
    let certificates = Certificates::new();
    for protocol in PROTOCOLS {
        let config = certificates.collector.server_config().expect("TLS");
        let collector = Collector::with_tls(config).await;
        let options = options(&collector, protocol, &certificates, "authority.pem");
        assert_all_come(&collector, options).await;
    }
}

#[tokio::test]
async fn a_collector_of_another_authority_gets_nothing_and_the_log_says_why_in_one_line() {
    let certificates = Certificates::new();
    for protocol in PROTOCOLS {
        let config = certificates.collector.server_config().expect("TLS");
        let collector = Collector::with_tls(config).await;
        let options = options(&collector, protocol, &certificates, "other.pem");
        let reason = assert_none_comes(&collector, options).await;
        assert!(
            reason.contains("signed the collector's certificate"),
            "{protocol}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_collector_that_asks_for_certificates_gets_tollgates() {
    let certificates = Certificates::new();
    for protocol in PROTOCOLS {
        let config = certificates
            .collector
            .server_config_asking(&certificates.authority);
        let collector = Collector::with_tls(config.expect("TLS")).await;
        let options = || options(&collector, protocol, &certificates, "authority.pem");
        for refused in [options(), shown(options(), &certificates, "foreign")] {
            let reason = assert_none_comes(&collector, refused).await;
            assert!(!reason.is_empty(), "{protocol}");
        }
        assert_all_come(&collector, shown(options(), &certificates, "own")).await;
    }
}
