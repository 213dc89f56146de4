//! Every mistake is said at once, in words of users, and no secret is repeated.

use std::collections::HashSet;

use super::MAX_SHOWN;
use super::tests::{GOOD, parse};

/// Words of libraries, which mean nothing to whoever has written a file.
const OF_LIBRARIES: [&str; 17] = [
    "DuplicateKeyPolicy",
    "from_str",
    "from_multiple",
    "mapping start",
    "sequence start",
    "invalid type",
    "invalid value",
    "did not match",
    "untagged",
    "variant",
    "struct ",
    "enum",
    "deserialize",
    "serde",
    "usize",
    "u64",
    "saphyr",
];

/// What is said of a file that is refused, as `line:column reason (in path)`.
fn said(text: &str) -> Vec<String> {
    let Err(error) = parse(text) else {
        panic!("must be refused:\n{text}");
    };
    let report = error.report();
    for word in OF_LIBRARIES {
        assert!(!report.contains(word), "`{word}` in\n{report}");
    }
    error.lines()
}

/// Fails unless exactly these are said, each by how it begins and what else it has.
fn assert_said(text: &str, expected: &[(&str, &str)]) {
    let said = said(text);
    let all = said.join("\n");
    assert_eq!(said.len(), expected.len(), "{all}\nof\n{text}");
    for (line, (place, rest)) in said.iter().zip(expected) {
        let begin = format!("tollgate.yaml:{place}: ");
        assert!(line.starts_with(&begin), "wanted {begin} in\n{all}");
        assert!(line.contains(rest), "wanted {rest} in\n{all}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn mistakes_of_every_kind_in_all_sections_are_said_at_once() {
    let text = r#"listen: { grpc: "unix:", admin: "127.0.0.1:9090", grcp: x }
identity: { managed_idenity: {} }
clients:
  - id: "mobile app"
    credentials:
      - { key: { sha256: short, slot: third } }
    products: [standrad]
  - credentials: []
    products: standard
products:
  - { id: standard, deployments: [gpt-4o], operations: [chat.completion, embeddings], networks: [office] }
  - { id: other, deployments: [gpt-4o], operations: [embeddings], strict_model: maybe }
backends:
  - { name: sweden, nmae: x }
prices:
  - { model: gpt-4o, input: 2,50, per: 1000000, currency: USD }
drain_timeout: soon
max_request_bytes: 16MiB
limits: { everything: { requests_per_second: many }, redis: [] }
"#;
    assert_said(
        text,
        &[
            ("1:17", "the path of the socket is missing"),
            ("1:51", "there is no member `grcp` here (in listen.grcp)"),
            (
                "2:13",
                "there is no member `managed_idenity` here (in identity.managed_idenity)",
            ),
            ("4:9", "not a valid client id (in clients[0].id)"),
            (
                "6:26",
                "64 hexadecimal digits (in clients[0].credentials[0].key.sha256)",
            ),
            ("6:39", "`third` is none of the words"),
            (
                "7:16",
                "there is no product `standrad` (in clients[0].products[0])",
            ),
            ("8:5", "`id` is missing (in clients[1])"),
            ("8:18", "`credentials` is empty"),
            ("9:15", "must be a list (in clients[1].products)"),
            ("11:57", "`chat.completion` is none of the words"),
            ("11:98", "`office` is not an IP range"),
            (
                "12:81",
                "must be `true` or `false` (in products[1].strict_model)",
            ),
            ("14:21", "there is no member `nmae` here"),
            ("16:31", "there is no member `50` here"),
            ("17:16", "`soon` is not a valid duration"),
            ("18:20", "must be a whole number"),
            ("19:46", "must be a whole number"),
            ("19:61", "must have members"),
        ],
    );
    let Err(error) = parse(text) else {
        panic!("refused");
    };
    let helps: Vec<_> = error
        .findings()
        .iter()
        .filter_map(|it| it.help.as_deref())
        .collect();
    let helps = helps.join("\n");
    for meant in [
        "`grpc`",
        "`managed_identity`",
        "`standard`",
        "`chat.completions`",
        "`name`",
    ] {
        let help = format!("did you mean {meant}?");
        assert!(helps.contains(&help), "{help} in\n{helps}");
    }
}

#[test]
fn what_follows_from_a_mistake_is_not_said_too() {
    for (from, to, expected) in [
        // The product has another name, not none.
        (
            "products:\n  - {",
            "product:\n  - {",
            ("9:1", "no member `product`"),
        ),
        ("id: standard", "idd: standard", ("10:7", "no member `idd`")),
        (
            "  - { name: sweden }",
            "  sweden",
            ("12:3", "must be a list"),
        ),
        (
            "products:\n  - { id: standard, deployments: [gpt-4o], operations: [chat.completions, embeddings] }",
            "products: 7",
            ("9:11", "must be a list"),
        ),
        (
            "  - { id: standard,",
            "  - 7\n  - { id: standard,",
            ("10:5", "must have members"),
        ),
        (
            "identity: { managed_identity: {} }",
            "identity: { client_secret: { tenant_id: t, client_id: c, secret: canary } }",
            ("3:66", "not the secret"),
        ),
        (
            "identity: { managed_identity: {} }",
            "identity: yes",
            ("3:11", "must have members"),
        ),
        (
            "backends:\n  - { name: sweden }\n",
            "",
            ("2:1", "`backends` is missing"),
        ),
        (
            "[chat.completions, embeddings]",
            "embeddings",
            ("10:56", "must be a list"),
        ),
        // What the parser has read last has members, too.
        (
            "    products: [standard]",
            "    limits: { request_bytes: 62914560 }\n    labels: { team: search }",
            ("5:5", "`products` is missing (in clients[0])"),
        ),
    ] {
        assert!(GOOD.contains(from), "the good file has no {from}");
        assert_said(&GOOD.replacen(from, to, 1), &[expected]);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn of_two_the_line_of_the_first_one_is_said() {
    let digest = "a".repeat(64);
    let client = format!(
        "  - {{ id: mobile-app, credentials: [ {{ key: {{ sha256: \"{digest}\", slot: primary }} }} ], products: [standard] }}\n"
    );
    let text = GOOD
        .replacen("products:\n  - {", &format!("{client}products:\n  - {{ id: standard, deployments: [x], operations: [embeddings] }}\n  - {{"), 1)
        .replacen("- { name: sweden }", "- { name: sweden }\n  - { name: sweden }", 1);
    assert_said(
        &text,
        &[
            (
                "9:11",
                "duplicate client `mobile-app`; the first one is in line 5",
            ),
            (
                "9:55",
                "this key already belongs to another client or slot; the first one is in line 7",
            ),
            (
                "12:11",
                "duplicate product `standard`; the first one is in line 11",
            ),
            (
                "15:13",
                "duplicate backend `sweden`; the first one is in line 14",
            ),
        ],
    );
    // The same where the shape is wrong, too.
    let text = text.replacen(
        "drain_timeout: 5s",
        "drain_timeout: 5s\ndrain_timeout: 6s\nidentity: {}",
        1,
    );
    assert_said(
        &text,
        &[
            (
                "9:11",
                "duplicate client `mobile-app`; the first one is in line 5",
            ),
            (
                "9:55",
                "this key already belongs to another client or slot; the first one is in line 7",
            ),
            (
                "12:11",
                "duplicate product `standard`; the first one is in line 11",
            ),
            (
                "15:13",
                "duplicate backend `sweden`; the first one is in line 14",
            ),
            (
                "17:1",
                "duplicate member `drain_timeout`; the first one is in line 16 (in drain_timeout)",
            ),
            (
                "18:1",
                "duplicate member `identity`; the first one is in line 3",
            ),
        ],
    );
}

#[test]
fn what_is_not_yaml_or_not_a_configuration_is_said_in_words() {
    for (text, expected) in [
        ("", "the file is empty"),
        ("7", "must have members"),
        ("[]", "must have members"),
        ("a: [", "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("a:\n\t- b: [", "not valid YAML"),
        ("a: *b", "no anchor above"),
        ("a: &a [*a, *a]", ""),
        ("---\na: 1\n---\nb: 1\n", "more than one document"),
        ("listen: !x {}", "`grpc` is missing (in listen)"),
        ("{".repeat(5000).as_str(), ""),
        ("? [a]\n: b\n", ""),
        ("\"a", "not valid YAML"),
        ("drain_time: 5s\na: [\nb", "no member `drain_time`"),
        ("drain_time: 5s\na: [\nb", "not valid YAML"),
        ("listen: \"\\q\"", "not valid YAML"),
    ] {
        let all = said(text).join("\n");
        assert!(all.contains(expected), "{text:.20}: {all}");
    }
}

#[test]
fn shapes_that_can_be_two_things_say_both() {
    for (more, expected) in [
        (
            "issuers: [ { name: a, issuer: \"https://a.example\", audiences: [a], claims: { client: {} } } ]",
            "must be a text or a list of texts",
        ),
        (
            "issuers: [ { name: a, issuer: \"https://a.example\", audiences: [a], required_claims: { tid: 7 } } ]",
            "must be a text or a list of texts",
        ),
        ("database: []", "must be `postgres://"),
        (
            "certificate_authorities: [ { name: a, trust: [[]], revocation: { crl: off } } ]",
            "must be a file",
        ),
        (
            "limits: { redis: { url: \"redis://a\", replicas: 1, password: [] } }",
            "must be `{ env: NAME }`",
        ),
    ] {
        let all = said(&format!("{GOOD}{more}\n")).join("\n");
        assert!(all.contains(expected), "{more}: {all}");
    }
}

#[test]
fn no_secret_is_repeated() {
    let key = "tgk_canary0000_canarycanarycanarycanarycanary12";
    for (from, to) in [
        (
            "sha256: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
                .to_owned(),
            "sha256: canary".to_owned(),
        ),
        ("slot: primary".to_owned(), format!("slot: {key}")),
        (
            "slot: primary".to_owned(),
            format!("slot: primary, {key}: 1"),
        ),
        ("id: mobile-app".to_owned(), format!("id: \"{key} x\"")),
        (
            "products: [standard]".to_owned(),
            format!("products: [{key}]"),
        ),
        (
            "managed_identity: {}".to_owned(),
            "client_secret: { tenant_id: t, client_id: c, secret: canary }".to_owned(),
        ),
        (
            "managed_identity: {}".to_owned(),
            "client_secret: { tenant_id: t, client_id: c, password: canary }".to_owned(),
        ),
        (
            "drain_timeout: 5s".to_owned(),
            "database: \"postgres://gate:canary@db/tollgate\"".to_owned(),
        ),
        (
            "drain_timeout: 5s".to_owned(),
            "database:\n  url: postgres://gate@db/tollgate\n  password: |\n    canary\n".to_owned(),
        ),
        (
            "drain_timeout: 5s".to_owned(),
            "drain_timeout: 5\napi_key: canary".to_owned(),
        ),
        (
            "drain_timeout: 5s".to_owned(),
            "api_key: canary\ndrain_timeout: [".to_owned(),
        ),
    ] {
        let text = GOOD.replacen(&from, &to, 1);
        assert_ne!(text, GOOD, "{from}");
        let Err(error) = parse(&text) else {
            panic!("{to} must be refused");
        };
        let all = format!("{}\n{}\n{:?}", error.report(), error, error.findings());
        assert!(!all.contains("canary"), "{to}:\n{all}");
    }
}

/// A list as long as an operator's has one mistake in each item: the time is that of reading it.
#[test]
fn many_mistakes_in_a_long_list_are_found() {
    let client = |number: usize| {
        format!(
            "  - {{ id: app-{number}, credentials: 7, products: [standard], priority: highest }}\n"
        )
    };
    let clients: String = (0..500).map(client).collect();
    let text = GOOD.replacen("clients:\n", &format!("clients:\n{clients}"), 1);
    assert_eq!(said(&text).len(), 1000);
}

/// Of very many mistakes each has its place, and people see the first ones.
#[test]
fn a_mistake_in_each_of_many_clients_is_found_in_linear_time() {
    const CLIENTS: usize = 20_000;
    let client = |number: usize| {
        format!("  - {{ id: app-{number}, credentials: [], products: [standrad] }}\n")
    };
    let clients: String = (0..CLIENTS).map(client).collect();
    let text = GOOD.replacen("clients:\n", &format!("clients:\n{clients}"), 1);
    let error = parse(&text).err().expect("refused");
    let unknown = error
        .findings()
        .iter()
        .filter(|it| it.message.contains("standrad"));
    let paths: HashSet<_> = unknown.filter_map(|it| it.path.clone()).collect();
    assert_eq!(paths.len(), CLIENTS);
    assert!(paths.contains("clients[19999].products[0]"));
    let more = format!("and {} more", error.findings().len() - MAX_SHOWN);
    for said in [error.report(), error.to_string()] {
        assert!(said.contains(&more), "{said}");
        assert_eq!(
            said.matches("is no").count() + said.matches("is empty").count(),
            MAX_SHOWN
        );
    }
}
