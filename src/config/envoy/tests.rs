use std::path::Path;

use crate::config::tests::read;
use crate::envoy_config::{Settings, TollgateAddress};

fn parse(more: &str) -> Result<Settings, String> {
    let text = format!(
        "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\nidentity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden, endpoint: \"https://acme.openai.azure.com\" }} ]\n{more}\n"
    );
    let parsed = read("tollgate.yaml", &text, Path::new("/nowhere"));
    parsed
        .map(|config| config.envoy)
        .map_err(|error| error.lines().concat())
}

#[test]
fn the_rest_of_the_file_says_what_envoy_needs() {
    let settings = parse("max_request_bytes: 2048").expect("good");
    assert_eq!(settings.listen.port, 8443);
    assert_eq!(settings.body_buffer_bytes, 2048 + (1 << 20));
    let backend = settings.backends.first().expect("a backend");
    assert_eq!(backend.host.as_deref(), Some("acme.openai.azure.com"));
    assert_eq!(backend.port, 443);
    assert!(matches!(settings.tollgate, Some(TollgateAddress::Socket(at)) if at.port == 9000));
    let off = parse("envoy: { plaintext: true, trusted_hops: 1 }").expect("good");
    assert_eq!((off.tls, off.trusted_hops), (None, 1));
}

#[test]
fn an_endpoint_can_be_an_address() {
    for (endpoint, host, is_address) in [
        ("https://10.1.2.3", "10.1.2.3", true),
        ("https://[fd00::7]:8443", "fd00::7", true),
        (
            "https://acme.openai.azure.com",
            "acme.openai.azure.com",
            false,
        ),
    ] {
        let text = format!(
            "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\nidentity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden, endpoint: \"{endpoint}\" }} ]\n"
        );
        let config = read("tollgate.yaml", &text, Path::new("/nowhere")).expect("good");
        let backend = config.envoy.backends.first().expect("a backend");
        assert_eq!(backend.host.as_deref(), Some(host));
        assert_eq!(backend.is_address, is_address, "{endpoint}");
    }
}

#[test]
fn files_have_whole_paths_however_the_configuration_is_named() {
    let text = "listen: { grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }\nidentity: { managed_identity: {} }\nbackends: [ { name: sweden, endpoint: \"https://acme.openai.azure.com\", ca_file: devices-root.pem } ]\n";
    // Tests run in the package's folder.
    let folder = Path::new("integration/testdata");
    let config = read("tollgate.yaml", text, folder).expect("good");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/testdata/devices-root.pem");
    let backend = config.envoy.backends.first().expect("a backend");
    assert_eq!(Path::new(&backend.trusted_ca), file);
}

#[test]
fn what_is_wrong_says_where_and_why() {
    for (more, reason) in [
        (
            "envoy: { listen: here }",
            "tollgate.yaml:4:18: not an IP address",
        ),
        (
            "envoy: { admin: \"0.0.0.0:9901\" }",
            "must be a loopback address",
        ),
        (
            "envoy: { admin: here }",
            "not an IP address with a port: write `127.0.0.1:9901`",
        ),
        (
            "envoy: { admin: \"127.0.0.1:8443\" }",
            "tollgate.yaml:4:17: `admin: 127.0.0.1:8443` and `listen: 0.0.0.0:8443` are one port",
        ),
        (
            "envoy: { listen: \"0.0.0.0:9901\" }",
            "tollgate.yaml:4:18: `admin: 127.0.0.1:9901` and `listen: 0.0.0.0:9901` are one port",
        ),
        ("envoy: { max_heap_bytes: 5 }", "must be at least 67108864"),
        (
            "envoy: { version: \"1.33\" }",
            "tollgate.yaml:4:19: nothing can be written for Envoy 1.33: the oldest is 1.37",
        ),
        ("envoy: { max_connections: 0 }", "must be at least 1"),
        (
            "envoy: { plaintext: true, tls: { certificate: a, key: b } }",
            "`plaintext: true` has no certificate",
        ),
        (
            "envoy: { alowed_origins: [] }",
            "no member `alowed_origins`",
        ),
        (
            "envoy: { allowed_origins: [\"*\"] }",
            "`*` is not an origin",
        ),
        (
            "envoy: { allowed_origins: [\"https://a.example/\"] }",
            "is not an origin",
        ),
        (
            "envoy: { allowed_origins: [\"ftp://a.example\"] }",
            "is not an origin",
        ),
    ] {
        let error = parse(more).expect_err("wrong");
        assert!(error.contains(reason), "{more}: {error}");
    }
}

#[test]
fn envoys_spans_go_to_a_collector_that_takes_them_over_grpc() {
    let tracing = |section: &str| parse(&format!("envoy: {{ tracing: {section} }}"));
    let written = tracing("{ collector: \"http://10.0.0.9:4317\", sampling_percent: 0.5 }");
    let written = written.expect("good").tracing.expect("it");
    assert_eq!((&*written.host, written.port), ("10.0.0.9", 4317));
    assert!(written.is_address && !written.tls && written.follows_callers);
    assert!((written.sampling_percent - 0.5).abs() < f64::EPSILON);
    let named =
        "{ collector: \"https://otel.example\", follow_callers: false, service_name: edge }";
    let named = tracing(named).expect("good").tracing.expect("it");
    assert_eq!((&*named.host, named.port), ("otel.example", 443));
    assert!(!named.is_address && named.tls && !named.follows_callers);
    assert_eq!(named.service_name, "edge");
    for bad in [
        "10.0.0.9:4317",
        "http://otel.example:4317/v1/traces",
        "http://user@otel.example",
        "grpc://otel.example",
    ] {
        let error = tracing(&format!("{{ collector: \"{bad}\" }}")).expect_err(bad);
        assert!(
            error.contains("is not the address of a collector"),
            "{error}"
        );
    }
    for percent in ["-1", "100.5", ".nan"] {
        let section = format!("{{ collector: \"http://a:1\", sampling_percent: {percent} }}");
        let error = tracing(&section).expect_err(percent);
        assert!(error.contains("from 0 to 100"), "{error}");
    }
}
