use std::path::Path;

use super::{Config, GrpcAddress, IdentitySource, ManagedIdentity};

const GOOD: &str = r#"
listen: { grpc: "unix:/run/tollgate/tollgate.sock", admin: "127.0.0.1:9090" }
identity: { managed_identity: {} }
clients:
  - id: mobile-app
    credentials:
      - { key: { sha256: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", slot: primary } }
    products: [standard]
products:
  - { id: standard, deployments: [gpt-4o], operations: [chat.completions, embeddings] }
backends:
  - { name: sweden }
drain_timeout: 5s
"#;

fn parse(text: &str) -> Result<Config, super::ConfigError> {
    Config::parse("tollgate.yaml", text, Path::new("."))
}

/// The one line that a change of the good file leads to.
fn refused(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "the good file has no {from}");
    let lines = match parse(&GOOD.replacen(from, to, 1)) {
        Ok(_) => panic!("{to} must be refused"),
        Err(error) => error.lines(),
    };
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.concat()
}

#[test]
fn a_good_file_is_understood() {
    let config = parse(GOOD).expect("the good file");
    assert_eq!(
        config.listen.grpc,
        GrpcAddress::Unix("/run/tollgate/tollgate.sock".into())
    );
    assert!(matches!(
        config.identity.source,
        IdentitySource::ManagedIdentity(ManagedIdentity::SystemAssigned)
    ));
    assert_eq!(
        config.identity.scope,
        "https://cognitiveservices.azure.com/.default"
    );
    assert_eq!(config.clients.len(), 1);
    assert_eq!(config.keys.len(), 1);
    assert_eq!(&*config.backend, "sweden");
    assert_eq!(config.drain_timeout.as_secs(), 5);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn every_mistake_says_file_line_column_and_reason() {
    let digest = "a".repeat(64);
    let cases = [
        (
            "admin: \"127.0.0.1:9090\"",
            "admin: here",
            ":2:",
            "no address",
        ),
        (
            "unix:/run/tollgate/tollgate.sock",
            "unix:",
            ":2:",
            "path of the socket",
        ),
        (
            "unix:/run/tollgate/tollgate.sock",
            "0.0.0.0:9000",
            ":2:",
            "loopback",
        ),
        ("managed_identity: {}", "scope: x", ":3:", ""),
        (
            "managed_identity: {}",
            "managed_identity: { client_id: a, object_id: b }",
            ":3:",
            "one of",
        ),
        (
            "managed_identity: {}",
            "managed_idenity: {}",
            ":3:",
            "managed_idenity",
        ),
        (
            "id: mobile-app",
            "id: \"mobile app\"",
            ":5:",
            "no id of a client",
        ),
        (digest.as_str(), "abc", ":7:", "64 hexadecimal digits"),
        ("slot: primary", "slot: third", ":7:", "third"),
        (
            "products: [standard]",
            "products: [gold]",
            ":8:",
            "no product `gold`",
        ),
        ("products: [standard]", "products: []", ":8:", "empty"),
        (
            "deployments: [gpt-4o]",
            "deployments: [\"gpt 4o\"]",
            ":10:",
            "no name of a deployment",
        ),
        ("chat.completions", "chat", ":10:", "chat"),
        (
            "- { name: sweden }",
            "- { name: sweden }\n  - { name: east }",
            ":12:",
            "exactly one backend",
        ),
        (
            "drain_timeout: 5s",
            "drain_timeout: 5",
            ":13:",
            "no duration",
        ),
        ("drain_timeout: 5s", "drain_time: 5s", ":13:", "drain_time"),
    ];
    for (from, to, place, reason) in cases {
        let text = GOOD.replacen(from, to, 1);
        let Err(error) = parse(&text) else {
            panic!("{to} must be refused");
        };
        let lines = error.lines();
        let found = lines.iter().any(|line| {
            line.starts_with("tollgate.yaml:") && line.contains(place) && line.contains(reason)
        });
        assert!(found, "{to}: wanted {place} {reason}, got {lines:#?}");
    }
}

#[test]
fn every_problem_is_found_at_once_and_shown_with_its_line() {
    let text = GOOD.replace("[standard]", "[gold]").replace("5s", "soon");
    let Err(error) = parse(&text) else {
        panic!("two mistakes must be refused");
    };
    assert_eq!(error.lines().len(), 2, "{error}");
    let report = error.report();
    assert!(report.contains("products: [gold]"), "{report}");
    assert!(
        report.contains("products of this file: standard"),
        "{report}"
    );
}

#[test]
fn one_key_for_two_clients_is_refused() {
    let again = GOOD.replace(
        "products:\n  - {",
        &format!(
            "  - id: other\n    credentials: [ {{ key: {{ sha256: \"{}\", slot: primary }} }} ]\n    products: [standard]\nproducts:\n  - {{",
            "a".repeat(64)
        ),
    );
    let Err(error) = parse(&again) else {
        panic!("a shared key must be refused");
    };
    assert!(
        error.to_string().contains("belongs to another client"),
        "{error}"
    );
}

#[test]
fn a_client_or_product_may_stand_once() {
    let client = refused(
        "clients:\n",
        "clients:\n  - { id: mobile-app, credentials: [ { key: { sha256: \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\", slot: primary } } ], products: [standard] }\n",
    );
    assert!(client.contains("another client `mobile-app`"), "{client}");
    let product = refused(
        "products:\n  - {",
        "products:\n  - { id: standard, deployments: [x], operations: [embeddings] }\n  - {",
    );
    assert!(product.contains("another product `standard`"), "{product}");
}

#[test]
fn secrets_are_named_and_never_written() {
    let identity = |secret: &str| {
        GOOD.replace(
            "managed_identity: {}",
            &format!("client_secret: {{ tenant_id: t, client_id: c, secret: {secret} }}"),
        )
    };
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("secret"), "canary-5d1f\n").expect("written");
    let config = Config::parse("t.yaml", &identity("{ file: secret }"), directory.path())
        .expect("a secret in a file");
    assert!(
        !format!("{:?}", config.identity).contains("canary-5d1f"),
        "it must redact itself"
    );
    for wrong in [
        "canary-5d1f",
        "{}",
        "{ file: missing }",
        "{ env: TOLLGATE_TEST_UNSET }",
        "{ env: A, file: secret }",
    ] {
        let Err(error) = Config::parse("t.yaml", &identity(wrong), directory.path()) else {
            panic!("{wrong} must be refused");
        };
        assert!(
            error.lines().iter().all(|line| !line.contains("canary")),
            "{error}"
        );
    }
}

#[test]
fn hostile_yaml_is_refused() {
    for text in [
        "",
        "[]",
        "a: &a [*a, *a]",
        "\u{0}",
        "{".repeat(5000).as_str(),
        "listen: !x {}",
    ] {
        assert!(parse(text).is_err(), "{text:.20}");
    }
}

#[test]
fn a_key_may_have_limits_in_time_and_a_state() {
    let with = |more: &str| GOOD.replace("slot: primary", &format!("slot: primary, {more}"));
    for good in [
        "not_before: 2026-01-01",
        "not_after: 2027-01-01T12:00:00Z",
        "state: suspended",
        "state: revoked",
    ] {
        assert!(parse(&with(good)).is_ok(), "{good}");
    }
    for (wrong, reason) in [
        ("not_after: soon", "no moment"),
        (
            "not_before: 2027-01-01, not_after: 2026-01-01",
            "never be good",
        ),
        ("state: gone", "gone"),
    ] {
        let Err(error) = parse(&with(wrong)) else {
            panic!("{wrong} must be refused");
        };
        assert!(error.to_string().contains(reason), "{error}");
    }
}
