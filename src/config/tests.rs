use std::path::Path;

use super::{Config, ConfigError, GrpcAddress, IdentitySource, ManagedIdentity, schema};

pub(in crate::config) const GOOD: &str = r#"
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

/// What an `envoy` section means, or what is wrong with it.
pub(in crate::config) fn parse_envoy(envoy: &str) -> Result<crate::envoy_config::Settings, String> {
    let text = format!(
        "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\nidentity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden, endpoint: \"https://acme.openai.azure.com\" }} ]\nenvoy: {envoy}\n"
    );
    let parsed = Config::parse("tollgate.yaml", &text, Path::new("/nowhere"));
    parsed
        .map(|config| config.envoy)
        .map_err(|error| error.lines().concat())
}

pub(in crate::config) fn parse(text: &str) -> Result<Config, ConfigError> {
    read("tollgate.yaml", text, Path::new("."))
}

/// Reads a document as every test of this room does: what it is read into and the schema must agree on it.
pub(in crate::config) fn read(
    name: &str,
    text: &str,
    directory: &Path,
) -> Result<Config, ConfigError> {
    let read = Config::parse(name, text, directory);
    schema::tests::agree(text, &read);
    read
}

/// What a configuration is warned of, as lines.
pub(in crate::config) fn warned(config: &Config) -> Vec<String> {
    config
        .warnings
        .iter()
        .map(super::Finding::with_help)
        .collect()
}

/// The one line that a change of the good file leads to.
pub(in crate::config) fn refused(from: &str, to: &str) -> String {
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
    assert_eq!(config.policy.clients.len(), 1);
    assert_eq!(config.policy.keys.len(), 1);
    let home = config.policy.pools.home().expect("a backend");
    assert_eq!(&*home.name, "sweden");
    assert_eq!(config.policy.drain_timeout.as_secs(), 5);
}

#[test]
fn the_largest_body_is_bounded_on_both_sides() {
    let limits = |text: &str| parse(&format!("{GOOD}{text}")).map(|it| it.policy.body_limits);
    let default = limits("").expect("the good file");
    assert_eq!((default.ordinary, default.audio), (16 << 20, 26 << 20));
    let set = limits("max_request_bytes: 1024\nmax_audio_request_bytes: 62914560\n");
    let set = set.expect("the least and the most");
    assert_eq!((set.ordinary, set.audio), (1024, 60 << 20));
    for text in [
        "max_request_bytes: 1023",
        "max_audio_request_bytes: 62914561",
        "max_request_bytes: -1",
        "max_request_bytes: 16MiB",
    ] {
        assert!(limits(text).is_err(), "{text}");
    }
    let refused = refused("drain_timeout: 5s", "max_request_bytes: 0");
    assert!(
        refused.contains(":13:") && refused.contains("from 1024 to 62914560"),
        "{refused}"
    );
}

/// More than a parser's ordinary budget: 100,000 clients are to be possible, and are in the bench.
#[test]
fn a_file_of_many_clients_is_read() {
    let client = |number: usize| {
        format!(
            "  - {{ id: app-{number}, credentials: [ {{ key: {{ sha256: \"{number:064x}\", slot: primary }} }} ], products: [standard] }}\n"
        )
    };
    let clients: String = (0..20_000).map(client).collect();
    let text = GOOD.replacen("clients:\n", &format!("clients:\n{clients}"), 1);
    let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.policy.keys.len(), 20_001);
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
            "not an IP address with a port",
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
            "not a valid client id",
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
            "not a valid deployment name",
        ),
        (
            "deployments: [gpt-4o]",
            "deployments: [\"gpt-4?*\"]",
            ":10:",
            "not a valid deployment pattern",
        ),
        (
            "deployments: [gpt-4o]",
            "deployments: [\"gpt**\"]",
            ":10:",
            "not a valid deployment pattern: write `**` as `*`",
        ),
        ("chat.completions", "chat", ":10:", "chat"),
        (
            "- { name: sweden }",
            "- { name: sweden }\n  - { name: sweden }",
            ":13:",
            "duplicate backend `sweden`",
        ),
        (
            "drain_timeout: 5s",
            "drain_timeout: 5",
            ":13:",
            "not a valid duration",
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
        report.contains("products in this file: standard"),
        "{report}"
    );
}

#[test]
fn a_duplicate_client_or_product_is_refused() {
    let client = refused(
        "clients:\n",
        "clients:\n  - { id: mobile-app, credentials: [ { key: { sha256: \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\", slot: primary } } ], products: [standard] }\n",
    );
    assert!(client.contains("duplicate client `mobile-app`"), "{client}");
    let product = refused(
        "products:\n  - {",
        "products:\n  - { id: standard, deployments: [x], operations: [embeddings] }\n  - {",
    );
    assert!(
        product.contains("duplicate product `standard`"),
        "{product}"
    );
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
    let config = read("t.yaml", &identity("{ file: secret }"), directory.path())
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
        let Err(error) = read("t.yaml", &identity(wrong), directory.path()) else {
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
        ("not_after: soon", "not a valid date or time"),
        (
            "not_before: 2027-01-01, not_after: 2026-01-01",
            "never be valid",
        ),
        ("state: gone", "gone"),
    ] {
        let Err(error) = parse(&with(wrong)) else {
            panic!("{wrong} must be refused");
        };
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn state_is_kept_where_the_file_says() {
    let with = |more: &str| read("t.yaml", &format!("{GOOD}{more}\n"), Path::new("/etc"));
    let none = with("").expect("good");
    assert!(none.data_directory.is_none() && none.database.is_none());
    let config = with("data_directory: /var/lib/tollgate").expect("good");
    assert_eq!(
        config.data_directory.as_deref(),
        Some(Path::new("/var/lib/tollgate"))
    );
    let config = with("database: postgres://gate@db:5432/tollgate").expect("good");
    assert_eq!(
        config.database.expect("a database").to_string(),
        "postgres://gate@db:5432/tollgate"
    );
}

#[test]
fn the_password_of_a_database_is_read_from_elsewhere_and_never_repeated() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("password"), "canary-5d1f\n").expect("written");
    let with = |database: &str| {
        let text = format!("{GOOD}database: {database}\n");
        read("t.yaml", &text, directory.path())
    };
    let good = with("{ url: \"postgres://gate@db/tollgate\", password: { file: password } }");
    let printed = format!("{:?}", good.expect("good").database);
    assert!(!printed.contains("canary"), "{printed}");
    for (wrong, reason) in [
        (
            "postgres://gate:canary-5d1f@db/tollgate",
            "every copy of this file",
        ),
        (
            "{ url: \"postgres://gate@db/tollgate\", password: canary-5d1f }",
            "not the secret",
        ),
        (
            "{ url: \"postgres://gate@db/tollgate\", password: { env: TOLLGATE_TEST_UNSET } }",
            "TOLLGATE_TEST_UNSET is not set",
        ),
        ("mysql://gate@db/tollgate", "not a PostgreSQL URL"),
        ("{ password: { file: password } }", "url"),
        ("[]", "postgres://"),
    ] {
        let Err(error) = with(wrong) else {
            panic!("{wrong} must be refused");
        };
        let lines = error.lines().concat();
        assert!(lines.starts_with("t.yaml:14:"), "{lines}");
        assert!(lines.contains(reason), "{lines}");
        assert!(!lines.contains("canary"), "{lines}");
    }
    let file = refused(
        "drain_timeout: 5s",
        "drain_timeout: 5s\ndata_directory: Cargo.toml",
    );
    assert!(file.contains("is not a directory"), "{file}");
}

#[test]
fn commands_about_keys_need_a_socket_and_a_place_for_keys() {
    let with = |control: &str, more: &str| {
        let admin = "admin: \"127.0.0.1:9090\"";
        let text = GOOD.replacen(admin, &format!("{admin}, control: \"{control}\""), 1);
        read("t.yaml", &format!("{text}{more}\n"), Path::new("/etc"))
    };
    let socket = "unix:/run/tollgate-control/control.sock";
    let good = with(socket, "data_directory: data").expect("good");
    assert_eq!(
        good.listen.control.as_deref(),
        Some(Path::new("/run/tollgate-control/control.sock"))
    );
    let url = good.key_database().map(|it| it.to_string());
    assert_eq!(url.as_deref(), Some("/etc/data/keys.db"));
    let both = with(socket, "data_directory: data\ndatabase: postgres://u@db/d");
    let url = both.expect("good").key_database().map(|it| it.to_string());
    assert_eq!(url.as_deref(), Some("postgres://u@db/d"));
    assert!(parse(GOOD).expect("good").key_database().is_none());
    for (control, more, reason) in [
        (socket, "", "nowhere to store them"),
        (
            "127.0.0.1:9091",
            "data_directory: data",
            "must be a Unix socket",
        ),
        ("unix:", "data_directory: data", "must be a Unix socket"),
    ] {
        let Err(error) = with(control, more) else {
            panic!("{control} must be refused");
        };
        let lines = error.lines().concat();
        assert!(
            lines.starts_with("t.yaml:2:") && lines.contains(reason),
            "{lines}"
        );
    }
}

/// Whoever controls Envoy must not get to the socket that issues keys.
#[test]
fn the_control_socket_is_not_where_envoy_gets_in() {
    let with = |control: &str| {
        let admin = "admin: \"127.0.0.1:9090\"";
        let text = GOOD.replacen(admin, &format!("{admin}, control: \"{control}\""), 1);
        read(
            "t.yaml",
            &format!("{text}data_directory: data\n"),
            Path::new("/etc"),
        )
    };
    for refused in [
        "unix:/run/tollgate/control.sock",
        "unix:/run/tollgate/control/control.sock",
        "unix:/run//tollgate/./control.sock",
        "unix:/run/other/../tollgate/control.sock",
    ] {
        let error = with(refused).map(|_| ()).expect_err(refused);
        let lines = error.lines().concat();
        assert!(
            lines.starts_with("t.yaml:2:") && lines.contains("in the folder of `grpc`"),
            "{refused}: {lines}"
        );
        assert!(error.report().contains("could issue keys"), "{refused}");
    }
    for good in [
        "unix:/run/tollgate-control/control.sock",
        "unix:/run/control.sock",
        "unix:/run/tollgate/../control.sock",
    ] {
        assert!(with(good).is_ok(), "{good}");
    }
}

#[test]
fn a_client_without_a_credential_needs_a_place_for_keys_that_are_issued() {
    let (head, rest) = GOOD.split_once("    credentials:\n").expect("credentials");
    let (_, tail) = rest.split_once("    products: [").expect("products");
    let text = format!("{head}    credentials: []\n    products: [{tail}");
    let refused = parse(&text).map(|_| ()).expect_err("no key could be had");
    assert!(
        refused.lines().concat().contains("`credentials` is empty"),
        "{refused}"
    );
    let text = format!("{text}data_directory: /var/lib/tollgate\n");
    let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.policy.clients.len(), 1);
}

#[test]
fn a_clients_limits_have_defaults_and_a_least_value() {
    let limits = |limits: &str| {
        let yaml = GOOD.replacen(
            "    products:",
            &format!("    limits: {limits}\n    products:"),
            1,
        );
        let config = parse(&yaml).map_err(|problems| problems.to_string())?;
        let client = config.policy.clients.iter().next().expect("a client");
        let limits = client.options.limits;
        Ok::<_, String>((limits.concurrent_requests, limits.request_bytes))
    };
    let (requests, bytes) = (1_000, 256 << 20);
    assert_eq!(limits("{}"), Ok((requests, bytes)));
    assert_eq!(limits("{ concurrent_requests: 7 }"), Ok((7, bytes)));
    assert_eq!(
        limits("{ request_bytes: 62914560 }"),
        Ok((requests, 60 << 20))
    );
    for (wrong, said) in [
        ("{ concurrent_requests: 0 }", "must be at least 1"),
        ("{ request_bytes: 62914559 }", "must be at least 62914560"),
        ("{ requests: 1 }", "requests"),
    ] {
        let problems = limits(wrong).expect_err(wrong);
        assert!(problems.contains(said), "{wrong}: {problems}");
    }
}
