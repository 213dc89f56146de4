use std::path::Path;

use super::{Config, GrpcAddress, IdentitySource, ManagedIdentity};
use crate::access::{AllowedVersion, ClientOptions, UserSource};

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
        (
            "deployments: [gpt-4o]",
            "deployments: [\"gpt-4?*\"]",
            ":10:",
            "no pattern of deployments",
        ),
        (
            "deployments: [gpt-4o]",
            "deployments: [\"gpt**\"]",
            ":10:",
            "`**` is written `*`",
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

/// The good file, its product with more conditions.
fn with_condition(condition: &str) -> Result<Config, super::ConfigError> {
    parse(&GOOD.replacen("embeddings] }", &format!("embeddings], {condition} }}"), 1))
}

#[test]
fn conditions_of_a_product_are_understood() {
    for condition in [
        "operation_requires: { embeddings: { scopes: [a] }, chat.completions: { roles: [b] } }",
        "networks: [10.0.0.0/8, \"2001:db8::/32\", 192.0.2.1]",
        "hours: { days: [mon, sun] }",
        "hours: { from: \"07:00\" }",
        "hours: { from: 07:00, until: 19:00, offset: -08:00 }",
        "hours: { from: \"22:00\", until: \"06:00\", offset: \"+05:30\" }",
        "hours: { days: [sat], from: \"00:00\", until: \"24:00\", offset: \"+14:00\" }",
    ] {
        let config = with_condition(condition).unwrap_or_else(|error| panic!("{error}"));
        let [client] = config.clients.as_slice() else {
            panic!("one client");
        };
        let product = client.products.first().expect("one product");
        let is_there = product.networks.is_some()
            || product.hours.is_some()
            || product.operation_requires.len() == 2;
        assert!(is_there, "{condition}: {product:?}");
    }
}

#[test]
fn every_mistake_in_a_condition_is_refused_with_its_reason() {
    for (condition, reason) in [
        (
            "operation_requires: { responses: { roles: [a] } }",
            "does not have the operation `responses`",
        ),
        (
            "operation_requires: { embeddings: {} }",
            "nothing is required for `embeddings`",
        ),
        ("operation_requires: { chat: { roles: [a] } }", "chat"),
        ("operation_requires: { embeddings: { role: [a] } }", "role"),
        ("networks: []", "`networks` is empty"),
        ("networks: [10.0.0.0/33]", "`10.0.0.0/33` is no range"),
        ("networks: [office]", "`office` is no range"),
        ("networks: 10.0.0.0/8", ""),
        ("hours: {}", "neither days nor hours"),
        ("hours: { offset: \"+01:00\" }", "neither days nor hours"),
        ("hours: { days: [] }", "`days` is empty"),
        ("hours: { days: [monday] }", "monday"),
        ("hours: { from: \"7:00\" }", "`7:00` is no time"),
        ("hours: { from: \"24:01\" }", "`24:01` is no time"),
        ("hours: { until: \"07:60\" }", "`07:60` is no time"),
        ("hours: { until: noon }", "`noon` is no time"),
        ("hours: { from: \"07:00\", until: \"07:00\" }", "the same"),
        (
            "hours: { days: [mon], offset: CET }",
            "`CET` is no distance",
        ),
        (
            "hours: { days: [mon], offset: \"01:00\" }",
            "`01:00` is no distance",
        ),
        (
            "hours: { days: [mon], offset: \"+14:30\" }",
            "`+14:30` is no distance",
        ),
        (
            "hours: { days: [mon], offset: \"-1:00\" }",
            "`-1:00` is no distance",
        ),
        ("hours: { days: [mon], zone: CET }", "zone"),
    ] {
        let Err(error) = with_condition(condition) else {
            panic!("{condition} must be refused");
        };
        let lines = error.lines();
        let found = lines
            .iter()
            .any(|line| line.starts_with("tollgate.yaml:10:") && line.contains(reason));
        assert!(found, "{condition}: wanted {reason}, got {lines:#?}");
    }
}

/// The good file, its client with one more line, the ninth.
fn with_option(option: &str) -> Result<Config, super::ConfigError> {
    let line = "    products: [standard]\n";
    parse(&GOOD.replacen(line, &format!("{line}    {option}\n"), 1))
}

#[test]
fn options_of_a_client_are_understood() {
    let option = |text: &str| {
        let config = with_option(text).unwrap_or_else(|error| panic!("{error}"));
        config.clients.first().expect("a client").options.clone()
    };
    let header = option("user_from: { header: X-End-User }").user_from;
    assert_eq!(header, Some(UserSource::Header("x-end-user".into())));
    assert_eq!(option("user_from: body").user_from, Some(UserSource::Body));
    let tokens = option("max_output_tokens: 4096").max_output_tokens;
    assert_eq!(tokens.map(std::num::NonZeroU32::get), Some(4096));
    let versions = option("api_versions: [2024-10-21, 2025-03-01-preview, v1]").api_versions;
    let versions = versions.expect("versions");
    assert_eq!(versions.len(), 3);
    assert_eq!(versions.last(), Some(&AllowedVersion::V1));
    let config = parse(GOOD).expect("the good file");
    let client = config.clients.first().expect("a client");
    assert_eq!(
        client.options,
        ClientOptions::default(),
        "the default is none"
    );
}

#[test]
fn every_mistake_in_an_option_is_refused_with_its_reason() {
    for (option, reason) in [
        ("user_from: header", "`body` or `{ header: NAME }`"),
        ("user_from: { header: \"\" }", "no name of a header"),
        (
            "user_from: { header: \"x end user\" }",
            "no name of a header",
        ),
        ("user_from: { header: x_end_user }", "no name of a header"),
        ("user_from: { header: \":path\" }", "no name of a header"),
        (
            "user_from: { header: Authorization }",
            "`authorization` has another meaning",
        ),
        ("user_from: { header: api-key }", "another meaning"),
        ("user_from: { header: x-request-id }", "another meaning"),
        ("user_from: { header: x-forwarded-for }", "another meaning"),
        ("user_from: { header: x-envoy-peer }", "another meaning"),
        ("user_from: { header: content-length }", "another meaning"),
        ("user_from: cookie", "`body` or `{ header: NAME }`"),
        ("user_from: { cookie: a }", "cookie"),
        ("user_from: {}", "header"),
        ("user_from: [body]", "`body` or `{ header: NAME }`"),
        ("max_output_tokens: 0", "allow nothing"),
        ("max_output_tokens: -1", ""),
        ("max_output_tokens: many", ""),
        ("max_output_tokens: 4294967296", ""),
        ("api_versions: []", "`api_versions` is empty"),
        ("api_versions: [v2]", "`v2` is no version"),
        ("api_versions: [2024-10-21-beta]", "is no version"),
        ("api_versions: [20241021]", "is no version"),
        ("api_version: [v1]", "api_version"),
    ] {
        let Err(error) = with_option(option) else {
            panic!("{option} must be refused");
        };
        let lines = error.lines();
        let found = lines
            .iter()
            .any(|line| line.starts_with("tollgate.yaml:9:") && line.contains(reason));
        assert!(found, "{option}: wanted {reason}, got {lines:#?}");
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

/// The good file with certificates; the words in capitals are where mistakes go.
fn with_certificates(identity: &str, authority: &str) -> Result<Config, super::ConfigError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/testdata/devices-root.pem");
    let authority = authority.replace("ROOT", &root.display().to_string());
    let text = GOOD
        .replace("9090\" }", "9090\", client_certificates: xfcc }")
        .replacen("clients:\n", &format!("certificate_authorities: [ {authority} ]\nclients:\n  - id: device\n    credentials: [ {{ certificate: {identity} }} ]\n    products: [standard]\n"), 1);
    parse(&text)
}

const AUTHORITY: &str = "{ name: devices, trust: [\"ROOT\"], revocation: { crl: off } }";
const IDENTITY: &str = "{ authority: devices, uri_san: \"spiffe://acme/7\" }";

#[test]
fn certificates_are_understood() {
    let config = with_certificates(IDENTITY, AUTHORITY).expect("good");
    let ring = config.certificates.expect("certificates");
    assert_eq!((ring.authorities().len(), ring.identities()), (1, 1));
    assert!(
        parse(GOOD).expect("good").certificates.is_none(),
        "the default is none"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn every_mistake_with_certificates_is_refused_with_its_reason() {
    for (identity, reason) in [
        ("{ authority: devices }", "every one of the authority"),
        (
            "{ authority: other, dns_san: a }",
            "no certificate authority `other`",
        ),
        ("{ dns_san: a }", "has an `authority`"),
        (
            "{ authority: devices, serial: \"7\" }",
            "unique for one issuer",
        ),
        (
            "{ authority: devices, serial: xyz, issuer_subject: CN=a }",
            "no hexadecimal",
        ),
        ("{ authority: devices, dns_san: \"*.a\" }", "no wildcards"),
        (
            "{ authority: devices, common_name: \"a\\0b\" }",
            "control characters",
        ),
        (
            "{ authority: devices, thumbprint_sha256: abcd }",
            "no thumbprint",
        ),
        ("{ authority: devices, san: a }", "san"),
        ("{ pinned_sha256: abcd }", "no thumbprint"),
        (
            "{ authority: devices, pinned_sha256: abcd }",
            "no other field",
        ),
    ] {
        let error = with_certificates(identity, AUTHORITY)
            .err()
            .map(|it| it.to_string());
        assert!(
            error.as_ref().is_some_and(|it| it.contains(reason)),
            "{identity}: {error:?}"
        );
    }
    for (authority, reason) in [
        (
            "{ name: devices, trust: [], revocation: { crl: off } }",
            "`trust` is empty",
        ),
        (
            "{ name: devices, trust: [gone.pem], revocation: { crl: off } }",
            "gone.pem can't be read",
        ),
        (
            "{ name: devices, trust: [Cargo.toml], revocation: { crl: off } }",
            "no PEM file",
        ),
        (
            "{ name: devices, trust: [src], revocation: { crl: off } }",
            "no .pem or .crt",
        ),
        ("{ name: devices, trust: [\"ROOT\"] }", "revocation"),
        (
            "{ name: devices, trust: [\"ROOT\"], revocation: { crl: required } }",
            "has a source",
        ),
        (
            "{ name: devices, trust: [\"ROOT\"], revocation: { crl: off, files: [a] } }",
            "has a source",
        ),
        (
            "{ name: devices, trust: [\"ROOT\"], revocation: { crl: soft, files: [gone.crl] } }",
            "gone.crl",
        ),
        (
            "{ name: devices, trust: [\"ROOT\"], revocation: { crl: soft, urls: [\"ldap://a\"] } }",
            "http or https",
        ),
        (
            "{ name: devices, trust: [\"ROOT\"], revocation: { crl: soft, distribution_hosts: [\"http://a\"] } }",
            "no host",
        ),
        (
            "{ name: devices, trust: [\"ROOT\"], max_chain_length: 1, revocation: { crl: off } }",
            "from 2 to 8",
        ),
    ] {
        let error = with_certificates(IDENTITY, authority)
            .err()
            .map(|it| it.to_string());
        assert!(
            error.as_ref().is_some_and(|it| it.contains(reason)),
            "{authority}: {error:?}"
        );
    }
}

#[test]
fn certificates_without_a_listener_that_sanitises_are_refused() {
    let line = refused(
        "- { key: { sha256: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", slot: primary } }",
        "- { certificate: { pinned_sha256: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" } }",
    );
    assert!(line.contains("not accepted"), "{line}");
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
