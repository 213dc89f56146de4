use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::config::Config;
use crate::config::tests::read;
use crate::usage::{Quantities, Served};

const BEFORE: &str = r#"
listen: { grpc: "unix:/run/tollgate/tollgate.sock", admin: "127.0.0.1:9090" }
identity: { managed_identity: {} }
clients:
  - id: mobile-app
    credentials:
      - { key: { sha256: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", slot: primary } }
    products: [standard]CLIENT
products:
  - { id: standard, deployments: [gpt-4o], operations: [chat.completions] }
backends: [ { name: sweden } ]
prices:
"#;

fn parse(client: &str, prices: &str) -> Result<Config, Vec<String>> {
    let text = BEFORE.replace("CLIENT", client) + prices;
    read("tollgate.yaml", &text, Path::new(".")).map_err(|error| error.lines())
}

fn refused(client: &str, prices: &str) -> String {
    match parse(client, prices) {
        Ok(_) => panic!("{client}{prices} must be refused"),
        Err(lines) => {
            assert_eq!(lines.len(), 1, "{lines:?}");
            lines.concat()
        }
    }
}

#[test]
fn prices_are_read_without_a_float() {
    let prices = "  - { model: gpt-4o, from: 2026-01-01, input: 2.50, cached_input: 1.25, output: 10, per: 1000000, currency: USD }\n  - { model: gpt-4o, from: 2026-07-01, input: 0.000000001, output: 8.00, per: 1, currency: USD }\n  - { deployment: chat-ptu, tier: ptu, monthly: 9000.00, currency: EUR }\n";
    let config = parse("", prices).expect("good prices");
    let at = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
    let served = |days: u64| Served {
        model: Some("gpt-4o"),
        deployment: None,
        backend: "sweden",
        service_tier: None,
        at: at(days),
    };
    let find = |days| config.policy.prices.find(&served(days));
    assert!(find(20_453).is_none(), "2025-12-31");
    let first = find(20_454).expect("2026-01-01");
    assert_eq!(&*first.name, "gpt-4o@2026-01-01");
    let used = Quantities {
        input: 3,
        ..Quantities::default()
    };
    assert_eq!(first.cost(&used).map(|it| it.nanos()), Some(7500));
    let second = find(20_635).expect("2026-07-01");
    assert_eq!(second.cost(&used).map(|it| it.nanos()), Some(3));
    let flat = config.policy.prices.find(&Served {
        model: None,
        deployment: Some("chat-ptu"),
        ..served(1)
    });
    let flat = flat.expect("a flat price");
    assert_eq!(flat.cost(&used), None);
    assert_eq!(&*flat.name, "deployment=chat-ptu", "not as a model's");
}

#[test]
fn a_service_tier_has_lines_of_its_own() {
    let prices = "  - { model: gpt-4o, input: 2.50, output: 10.00, per: 1000000, currency: USD }\n  - { model: gpt-4o, service_tier: priority, input: 4.25, output: 17.00, per: 1000000, currency: USD }\n  - { model: gpt-4o, service_tier: flex, input: 1.25, output: 5.00, per: 1000000, currency: USD }\n";
    let config = parse("", prices).expect("good prices");
    assert_eq!(crate::config::tests::warned(&config), Vec::<String>::new());
    for (tier, expected) in [
        (Some("priority"), "gpt-4o:priority"),
        (Some("flex"), "gpt-4o:flex"),
        (Some("default"), "gpt-4o"),
        (None, "gpt-4o"),
    ] {
        let price = config.policy.prices.find(&Served {
            model: Some("gpt-4o-2024-08-06"),
            deployment: None,
            backend: "sweden",
            service_tier: tier,
            at: SystemTime::UNIX_EPOCH,
        });
        assert_eq!(price.map(|it| &*it.name), Some(expected), "{tier:?}");
    }
}

#[test]
fn what_has_no_price_for_batches_is_said_where_a_product_allows_them() {
    let prices =
        "prices:\n  - { model: gpt-4o, input: 2.50, output: 10.00, per: 1000000, currency: USD }\n";
    let batch = "  - { model: gpt-4o, service_tier: batch, input: 1.25, output: 5.00, per: 1000000, currency: USD }\n";
    let warnings = |operations: &str, prices: &str| {
        let good = crate::config::tests::GOOD
            .replace("[chat.completions, embeddings]", operations)
            .replace(
                "{ name: sweden }",
                "{ name: sweden, endpoint: \"https://acme.openai.azure.com\" }",
            );
        let config = crate::config::tests::parse(&format!("{good}{prices}")).expect("good");
        config
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<String>()
    };
    let said = "no price for the service tier `batch` of gpt-4o";
    let operations = "[chat.completions, files, batches]";
    assert!(warnings(operations, prices).contains(said));
    assert!(!warnings(operations, &format!("{prices}{batch}")).contains(said));
    assert!(!warnings("[chat.completions]", prices).contains(said));
}

#[test]
fn what_has_no_price_for_priority_is_said() {
    let prices = "  - { model: gpt-4o, input: 2.50, output: 10.00, per: 1000000, currency: USD }\n  - { model: o3, input: 2.00, output: 8.00, per: 1000000, currency: USD }\n  - { model: o3, service_tier: priority, input: 3.50, output: 14.00, per: 1000000, currency: USD }\n  - { model: text-embedding-3-large, input: 0.13, per: 1000000, currency: USD }\n";
    let warnings = parse("", prices).expect("good prices").warnings;
    let [warning] = warnings.as_slice() else {
        panic!("one warning: {warnings:?}");
    };
    assert!(
        warning
            .message
            .contains("service tier `priority` of gpt-4o: what it answers"),
        "{warning}"
    );
}

#[test]
fn a_wrong_price_says_where_and_what_to_do() {
    for (price, reason) in [
        ("{ input: 1, per: 1, currency: USD }", "exactly one of them"),
        (
            "{ model: a, deployment: b, input: 1, per: 1, currency: USD }",
            "exactly one of them",
        ),
        (
            "{ deployment: a, tier: ptu, service_tier: priority, monthly: 1, currency: USD }",
            "`tier: ptu` has no `service_tier`",
        ),
        (
            "{ model: a b, input: 1, per: 1, currency: USD }",
            "not a valid model or deployment name",
        ),
        (
            "{ model: a, input: -1, per: 1, currency: USD }",
            "`-1` is not a valid amount",
        ),
        (
            "{ model: a, input: 1e-6, per: 1, currency: USD }",
            "is not a valid amount",
        ),
        (
            "{ model: a, input: 1, currency: USD }",
            "`per` must say how many",
        ),
        (
            "{ model: a, input: 1, per: 0, currency: USD }",
            "`per` must say how many",
        ),
        ("{ model: a, per: 1, currency: USD }", "has no amount"),
        (
            "{ model: a, input: 1, per: 1, currency: dollars }",
            "is not a valid currency code",
        ),
        (
            "{ model: a, from: soon, input: 1, per: 1, currency: USD }",
            "`soon` is not a valid date or time",
        ),
        (
            "{ model: a, backend: france, input: 1, per: 1, currency: USD }",
            "no backend `france`",
        ),
        (
            "{ model: a, tier: ptu, input: 1, per: 1, currency: USD }",
            "`tier: ptu` takes a `monthly`",
        ),
        (
            "{ model: a, monthly: 5, currency: USD }",
            "`monthly` needs `tier: ptu`",
        ),
        (
            "{ model: a, input: 1, per: 1, currency: USD, discount: 5 }",
            "discount",
        ),
    ] {
        let line = refused("", &format!("  - {price}\n"));
        assert!(line.contains(reason), "{price}: {line}");
        assert!(line.starts_with("tollgate.yaml:13:"), "{line}");
    }
}

#[test]
fn two_prices_for_the_same_from_the_same_day_are_refused() {
    let twice = "  - { model: a, from: 2026-01-01, input: 1, per: 1, currency: USD }\n  - { model: a, from: 2026-01-01T00:00:00Z, input: 2, per: 1, currency: USD }\n";
    let line = refused("", twice);
    assert!(line.starts_with("tollgate.yaml:14:"), "{line}");
    assert!(line.contains("duplicate price"), "{line}");
}

#[test]
fn labels_are_the_clients() {
    let client = "\n    labels: { team: search, cost_center: \"4711\" }";
    let config = parse(client, "  []\n").expect("a good client");
    let client = config.policy.clients.iter().next().expect("a client");
    assert_eq!(
        client.labels.to_json().as_deref(),
        Some(r#"{"cost_center":"4711","team":"search"}"#)
    );
}

#[test]
fn wrong_labels_are_refused() {
    for (client, reason) in [
        ("labels: { Team: search }", "not a valid label name"),
        ("labels: { team: \"\" }", "is empty"),
    ] {
        let line = refused(&format!("\n    {client}"), "  []\n");
        assert!(line.contains(reason), "{client}: {line}");
        assert!(line.starts_with("tollgate.yaml:9:"), "{line}");
    }
}
