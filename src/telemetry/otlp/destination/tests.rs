//! What the variables mean, and which are refused.

use super::super::environment::testing::environment;
use super::*;

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn read(set: &[(&'static str, &str)]) -> Result<Option<Destination>, String> {
    Destination::read(&environment(set), Signal::Traces)
}

fn sent(set: &[(&'static str, &str)]) -> Destination {
    read(set).expect("good").expect("asked for")
}

#[test]
fn nothing_is_sent_unless_somebody_asks_for_it() {
    let exporter = |name| ("OTEL_TRACES_EXPORTER", name);
    for (set, is_sent) in [
        (&[][..], false),
        (&[ENDPOINT], true),
        (
            &[(
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://collector:4318",
            )],
            true,
        ),
        (
            &[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector")],
            false,
        ),
        (&[exporter("otlp")], true),
        (&[ENDPOINT, exporter("none")], false),
        (&[ENDPOINT, exporter("")], true),
        (&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")], false),
        (&[ENDPOINT, ("OTEL_SDK_DISABLED", "false")], true),
        (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], false),
    ] {
        let read = read(set).expect("good");
        assert_eq!(read.is_some(), is_sent, "{set:?}");
    }
}

#[test]
fn logs_are_sent_only_where_somebody_means_them() {
    let own = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector/in");
    let exporter = |name| ("OTEL_LOGS_EXPORTER", name);
    for (set, url) in [
        (&[ENDPOINT][..], None),
        (&[ENDPOINT, exporter("console")], None),
        (
            &[ENDPOINT, exporter("otlp")],
            Some("http://collector:4318/v1/logs"),
        ),
        (
            &[exporter("console,otlp")],
            Some("http://localhost:4318/v1/logs"),
        ),
        (&[ENDPOINT, own], Some("http://collector/in")),
        (&[own, exporter("none")], None),
    ] {
        let read = Destination::read(&environment(set), Signal::Logs).expect("good");
        let read = read.map(|it| it.endpoint.to_string());
        assert_eq!(read.as_deref(), url, "{set:?}");
    }
}

#[test]
fn a_signal_has_its_own_path_and_its_own_settings_come_first() {
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let http = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
    let at = |url| ("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    let own = |url| ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url);
    let otlp = ("OTEL_TRACES_EXPORTER", "otlp");
    for (set, url) in [
        (&[otlp][..], "http://localhost:4318/v1/traces"),
        (&[otlp, grpc], "http://localhost:4317/"),
        (&[otlp, grpc, http], "http://localhost:4318/v1/traces"),
        (&[at("http://a:1")], "http://a:1/v1/traces"),
        (&[at("https://a/otlp/")], "https://a/otlp/v1/traces"),
        (&[at("http://a:1"), own("http://b:2")], "http://b:2/"),
        (&[own("http://b:2/in?key=1")], "http://b:2/in?key=1"),
        (&[at("http://a:4317"), grpc], "http://a:4317/"),
    ] {
        assert_eq!(sent(set).endpoint.as_str(), url, "{set:?}");
    }
    let timeout = |set: &[(&'static str, &str)]| sent(&[&[ENDPOINT], set].concat()).timeout;
    let all = ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000");
    let one = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "300");
    assert_eq!(timeout(&[]).as_millis(), 10_000);
    assert_eq!(timeout(&[all]).as_millis(), 2000);
    assert_eq!(timeout(&[all, one]).as_millis(), 300);
    assert!(sent(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]).compresses);
}

#[test]
fn headers_are_read_and_never_shown() {
    let secret = (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "authorization=Bearer%20s3cret,x-team=a",
    );
    let destination = sent(&[ENDPOINT, secret]);
    assert_eq!(destination.headers["authorization"], "Bearer s3cret");
    assert!(destination.headers["authorization"].is_sensitive());
    assert!(destination.shows_headers(), "http, to another machine");
    let near = (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "http://127.0.0.1:4318",
    );
    assert!(!sent(&[near, secret]).shows_headers());
    assert!(!format!("{destination:?}").contains("s3cret"));
    for bad in [
        "authorization=s3cret%0a",
        "s3cret",
        "s3cret s3cret=1",
        "a=s3cret%",
        "a=%73\u{7f}3cret",
    ] {
        let error = read(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_HEADERS", bad)]).expect_err(bad);
        assert!(error.starts_with("OTEL_EXPORTER_OTLP_HEADERS: "), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

/// A variable, what it says, and what is said of that.
const REFUSED: [(&str, &str, &str); 13] = [
    (
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http/json",
        "write grpc or http/protobuf",
    ),
    (
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "GRPC",
        "write grpc or http/protobuf",
    ),
    (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "collector:4317",
        "write http://HOST:PORT",
    ),
    (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "4317",
        "write http://HOST:PORT",
    ),
    (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "unix:///a",
        "write http://HOST:PORT",
    ),
    (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "https://user:pw@collector",
        "use OTEL_EXPORTER_OTLP_HEADERS",
    ),
    (
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "10s",
        "is not a number from 1",
    ),
    (
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "0",
        "is not a number from 1",
    ),
    (
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "zstd",
        "write gzip or none",
    ),
    (
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "/nowhere.pem",
        "can't be read",
    ),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem", "needs both"),
    ("OTEL_TRACES_EXPORTER", "zipkin", "write otlp or none"),
    ("OTEL_SDK_DISABLED", "yes", "is neither true nor false"),
];

#[test]
fn what_can_not_be_read_is_refused_in_words_that_name_the_variable() {
    let nothing = tempfile::NamedTempFile::new().expect("a file");
    let nothing = nothing.path().to_str().expect("UTF-8");
    let empty = [(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        nothing,
        "has no certificate",
    )];
    for (name, value, says) in REFUSED.into_iter().chain(empty) {
        let error = read(&[ENDPOINT, (name, value)]).expect_err(value);
        assert!(error.starts_with(&format!("{name}: ")), "{error}");
        assert!(error.contains(says), "{error}");
        assert!(!error.contains(":pw"), "{error}");
    }
}

#[test]
fn a_client_certificate_needs_a_private_key_which_is_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let signed = rcgen::generate_simple_self_signed(["tollgate".to_owned()]).expect("it");
    let certificate = write("certificate.pem", &signed.cert.pem());
    let key = write("key.pem", &signed.signing_key.serialize_pem());
    let wrong = write("wrong.pem", "s3cret");
    let read = |key: &str| {
        read(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &certificate),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", key),
        ])
    };
    let sent = read(&key).expect("good").expect("asked for");
    assert!(sent.identity.is_some());
    for key in [wrong, certificate.clone()] {
        let error = read(&key).expect_err("no key");
        assert!(error.contains("has no private key"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
