use std::path::Path;

use crate::config::Config;
use crate::config::tests::read;
use crate::limits::{Period, Priority, Rule, Span, Subject};

/// A file with one client and one product, each with more, and more at its end.
fn file(client: &str, product: &str, more: &str) -> String {
    format!(
        "listen: {{ grpc: \"unix:/run/tollgate/tollgate.sock\", admin: \"127.0.0.1:9090\" }}
identity: {{ managed_identity: {{}} }}
clients:
  - id: app
    credentials: [ {{ key: {{ slot: primary, sha256: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }} }} ]
    products: [standard]
    {client}
products:
  - id: standard
    deployments: [gpt-4o, \"mini-*\"]
    operations: [chat.completions]
    {product}
backends: [ {{ name: sweden }} ]
{more}
"
    )
}

const PRICES: &str =
    "prices: [ { model: gpt-4o, input: 1, output: 1, per: 1000000, currency: EUR } ]";

fn parse(client: &str, product: &str, more: &str) -> Result<Config, String> {
    let text = file(client, product, more);
    read("t.yaml", &text, Path::new("/etc")).map_err(|error| error.report())
}

/// What is wrong with the limits of the client.
fn refused(limits: &str) -> String {
    match parse(&format!("limits: {limits}"), "", "") {
        Ok(_) => panic!("{limits} must be refused"),
        Err(report) => report,
    }
}

fn shown(rules: &[Rule]) -> Vec<String> {
    let shown = |rule: &Rule| format!("{} {}", rule.most, rule.meter);
    rules.iter().map(shown).collect()
}

#[test]
fn every_limit_means_what_it_says() {
    let client = "limits: { concurrent_requests: 7, requests_per_second: 1, requests_per_minute: 2, \
         tokens_per_minute: 3, input_tokens_per_minute: 4, output_tokens_per_minute: 5, \
         quotas: [ { requests: 6, per: hour }, { tokens: 7, per: day }, { input_tokens: 8, per: week }, \
         { output_tokens: 9, per: month }, { cost: 2.5, per: year } ], per_user: { requests_per_minute: 1 } }\n    priority: low";
    let product = "limits: { tokens_per_minute: 10, per_client: { tokens_per_minute: 11 } }\n    queue: { max_wait: 2s, max_requests: 5 }";
    let more = format!(
        "{PRICES}\nlimits: {{ everything: {{ requests_per_second: 12 }}, \
         deployments: {{ gpt-4o: {{ tokens_per_minute: 13 }} }}, time_zone: Asia/Tokyo, warn_at: [90, 10], \
         reserve: {{ high: 20, normal: 10 }} }}"
    );
    let config = parse(client, product, &more).unwrap_or_else(|report| panic!("{report}"));
    let policy = config.policy;
    let client = policy.clients.iter().next().expect("a client");
    assert_eq!(
        shown(&client.limits.own),
        [
            "7 concurrent requests",
            "1 requests per second",
            "2 requests per minute",
            "3 tokens per minute",
            "4 input tokens per minute",
            "5 output tokens per minute",
            "6 requests per hour",
            "7 tokens per day",
            "8 input tokens per week",
            "9 output tokens per month",
            "2500000000 cost per year",
        ]
    );
    assert_eq!(client.options.limits.concurrent_requests, 7);
    assert_eq!(shown(&client.limits.per_user), ["1 requests per minute"]);
    assert_eq!(client.limits.priority, Priority::Low);
    let product = client.products.first().expect("a product");
    assert_eq!(shown(&product.limits.shared), ["10 tokens per minute"]);
    assert_eq!(shown(&product.limits.per_client), ["11 tokens per minute"]);
    let queueing = product.limits.queueing.expect("a queue");
    assert_eq!((queueing.max_wait.as_secs(), queueing.max_requests), (2, 5));
    let settings = &policy.limits;
    assert_eq!(shown(&settings.everything), ["12 requests per second"]);
    assert_eq!(
        shown(&settings.deployments["gpt-4o"]),
        ["13 tokens per minute"]
    );
    assert_eq!(settings.calendar.zone(), "Asia/Tokyo");
    let percent = |priority| settings.reserves.percent(&Subject::Everything, priority);
    let percents = [Priority::High, Priority::Normal, Priority::Low].map(percent);
    assert_eq!(percents, [100, 80, 70]);
    assert!(policy.quotas().contains(&Period::Year));
    let is_quota = |rule: &&Rule| matches!(rule.meter.span, Span::Period(_));
    assert_eq!(client.limits.own.iter().filter(is_quota).count(), 5);
}

#[test]
fn what_is_wrong_with_a_limit_is_said_in_plain_words() {
    for (wrong, said) in [
        ("{ tokens_per_minute: 0 }", "must be at least 1"),
        ("{ tokens_per_minute: -5 }", "must be a whole number"),
        ("{ tokens_per_minute: 100k }", "must be a whole number"),
        ("{ requests_per_second: 0.5 }", "must be a whole number"),
        (
            "{ token_per_minute: 5 }",
            "did you mean `tokens_per_minute`?",
        ),
        ("{ quotas: { tokens: 5, per: day } }", "must be a list"),
        ("{ quotas: [ { tokens: 5 } ] }", "`per` is missing"),
        (
            "{ quotas: [ { tokens: 5, per: monthly } ] }",
            "did you mean `month`?",
        ),
        ("{ quotas: [ { per: day } ] }", "exactly one of"),
        (
            "{ quotas: [ { tokens: 5, cost: 3, per: day } ] }",
            "exactly one of",
        ),
        (
            "{ quotas: [ { tokens: 5, per: day }, { tokens: 6, per: day } ] }",
            "duplicate quota of tokens per day",
        ),
        (
            "{ quotas: [ { cost: 3, per: day } ] }",
            "prices in one currency",
        ),
        (
            "{ per_client: { tokens_per_minute: 5 } }",
            "`per_client` belongs to the limits of a product",
        ),
        (
            "{ per_user: { per_user: {} } }",
            "`per_user` belongs to the limits of a client",
        ),
        ("{ request_bytes: 1 }", "must be at least 62914560"),
    ] {
        let report = refused(wrong);
        assert!(report.contains(said), "{wrong}: {report}");
        assert!(report.contains("t.yaml:7:"), "{wrong}: {report}");
        assert_eq!(
            report.matches("× t.yaml:").count(),
            1,
            "{wrong}: one mistake, one problem: {report}"
        );
        for word in ["u64", "sequence", "mapping", "variant", "field"] {
            assert!(!report.contains(word), "{wrong}: {report}");
        }
    }
}

#[test]
fn what_is_wrong_around_limits_is_said_too() {
    for (product, more, said) in [
        (
            "limits: { per_user: {} }",
            "",
            "`per_user` belongs to the limits of a client",
        ),
        (
            "queue: { max_wait: 10s, max_requests: 5 }",
            "",
            "at most 4s",
        ),
        (
            "queue: { max_wait: 1s, max_requests: 0 }",
            "",
            "must be from 1 to",
        ),
        (
            "",
            "limits: { time_zone: Mars/Olympus }",
            "no such time zone",
        ),
        ("", "limits: { warn_at: [0] }", "from 1 to 100"),
        ("", "limits: { warn_at: 80 }", "must be a list"),
        (
            "",
            "limits: { reserve: { low: 5 } }",
            "nobody has a lower priority",
        ),
        (
            "",
            "limits: { reserve: { high: 60, normal: 40 } }",
            "leave nothing",
        ),
        (
            "",
            "limits: { deployments: { \"gpt-*\": {} } }",
            "not the name of a deployment",
        ),
    ] {
        let Err(report) = parse("", product, more) else {
            panic!("{product}{more} must be refused");
        };
        assert!(report.contains(said), "{product}{more}: {report}");
    }
    let euros_and_dollars = "prices: [ { model: a, input: 1, per: 1, currency: EUR }, { model: b, input: 1, per: 1, currency: USD } ]";
    let cost = "limits: { quotas: [ { cost: 3, per: day } ] }";
    let report = parse(cost, "", euros_and_dollars)
        .map(|_| ())
        .expect_err("two currencies");
    assert!(report.contains("several currencies"), "{report}");
    for wrong in ["0", "-1", "much"] {
        let cost = format!("limits: {{ quotas: [ {{ cost: {wrong}, per: day }} ] }}");
        let report = parse(&cost, "", PRICES).map(|_| ()).expect_err(wrong);
        assert!(
            report.contains("not an amount of money above 0"),
            "{report}"
        );
    }
}

/// Members of the client, of the product and of the file, and what is said of them.
const WARNED: [(&str, &str, &str, Option<&str>); 24] = [
    (
        "limits: { quotas: [ { tokens: 5, per: day } ] }",
        "",
        "",
        Some("begin anew with each start"),
    ),
    (
        "limits: { quotas: [ { tokens: 5, per: day } ] }",
        "",
        "data_directory: data",
        None,
    ),
    (
        "limits: { per_user: { requests_per_minute: 5 } }",
        "",
        "",
        Some("never names a user"),
    ),
    (
        "user_from: body\n    limits: { per_user: { requests_per_minute: 5 } }",
        "",
        "",
        None,
    ),
    (
        "",
        "",
        "limits: { deployments: { gpt-5: { requests_per_minute: 5 } } }",
        Some("no product allows the deployment `gpt-5`"),
    ),
    (
        "",
        "",
        "limits: { deployments: { mini-2: { requests_per_minute: 5 } } }",
        None,
    ),
    (
        "",
        "queue: { max_wait: 1s, max_requests: 5 }",
        "",
        Some("none will wait"),
    ),
    (
        "limits: { requests_per_minute: 5 }",
        "queue: { max_wait: 1s, max_requests: 5 }",
        "",
        None,
    ),
    (
        "",
        "",
        "limits: { reserve: { high: 5 } }",
        Some("there is none"),
    ),
    (
        "",
        "limits: { requests_per_minute: 5 }",
        "limits: { reserve: { high: 5 } }",
        None,
    ),
    (
        "",
        "",
        "limits: { reserve: { high: 60, normal: 30 } }",
        Some("there is none"),
    ),
    (
        "limits: { requests_per_minute: 5 }",
        "",
        "limits: { events: { url: \"https://events.example.net/\" } }",
        Some("no event will be sent"),
    ),
    (
        "limits: { quotas: [ { tokens: 5, per: day } ] }",
        "",
        "limits: { events: { url: \"https://events.example.net/\" } }\ndata_directory: data",
        None,
    ),
    (
        "",
        "",
        "limits: { warn_at: [90] }",
        Some("nothing reaches a threshold"),
    ),
    (
        "",
        "",
        "limits: { time_zone: Europe/Berlin }",
        Some("nothing depends on the time zone"),
    ),
    (
        "max_output_tokens: 4096\n    limits: { tokens_per_minute: 4096 }",
        "",
        "",
        Some("may ask for 4096 output tokens, which never fit"),
    ),
    (
        "max_output_tokens: 4096\n    user_from: body\n    limits: { per_user: { quotas: [ { output_tokens: 4095, per: day } ] } }",
        "",
        "data_directory: data",
        Some("may ask for 4096 output tokens, which never fit"),
    ),
    (
        "max_output_tokens: 4096\n    limits: { tokens_per_minute: 4097, output_tokens_per_minute: 4096 }",
        "",
        "",
        None,
    ),
    (
        "",
        "",
        "limits: { redis: { url: \"redis://cache.example.net\", password: { env: PATH }, replicas: 2 } }",
        Some("without TLS the password can be read"),
    ),
    (
        "",
        "",
        "limits: { redis: { url: \"redis://127.0.0.1\", password: { env: PATH }, replicas: 2 } }",
        None,
    ),
    (
        "",
        "",
        "limits: { redis: { cluster: [\"rediss://cache.example.net\"], password: { env: PATH }, replicas: 2 } }",
        None,
    ),
    ("priority: high", "", "", Some("changes nothing")),
    ("priority: normal", "", "", None),
    (
        "priority: high",
        "limits: { requests_per_minute: 5 }",
        "limits: { reserve: { high: 5 } }",
        None,
    ),
];

#[test]
fn limits_that_hold_for_nothing_are_warned_of() {
    for (client, product, more, said) in WARNED {
        let config = parse(client, product, more).unwrap_or_else(|report| panic!("{report}"));
        let warnings = crate::config::tests::warned(&config);
        match said {
            Some(said) => assert!(
                warnings.concat().contains(said),
                "{client}{product}{more}: {warnings:?}"
            ),
            None => assert!(warnings.is_empty(), "{client}{product}{more}: {warnings:?}"),
        }
    }
}

#[test]
fn a_reserve_can_be_of_backends() {
    for (high, is_warned) in [(49, true), (50, false)] {
        let limits = format!("limits: {{ reserve: {{ high: {high} }} }}");
        let two = "{ name: sweden, endpoint: \"https://a.openai.azure.com\" }, { name: east, endpoint: \"https://b.openai.azure.com\" }";
        let text = file("", "", &limits).replace("{ name: sweden }", two);
        let config = read("t.yaml", &text, Path::new("/etc"));
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let warnings = crate::config::tests::warned(&config);
        let is_said = warnings.concat().contains("there is none");
        assert_eq!(is_said, is_warned, "{high}: {warnings:?}");
    }
}

#[test]
fn redis_has_a_password_or_an_identity() {
    let good = "username: 0f1e, identity: { managed_identity: {} }";
    let read = |members: &str| {
        let redis = format!("limits: {{ redis: {{ replicas: 2, {members} }} }}");
        parse("", "", &redis)
    };
    let config = read(&format!("url: \"rediss://a.example:10000\", {good}"));
    let config = config.unwrap_or_else(|report| panic!("{report}"));
    let identity = config.redis_identity.as_ref().expect("an identity");
    assert_eq!(identity.scope, "https://redis.azure.com/.default");
    let own = good.replace("{} }", "{}, scope: \"https://redis.azure.us/.default\" }");
    let config_of_another = read(&format!("url: \"rediss://a.example:10000\", {own}"));
    let config_of_another = config_of_another.unwrap_or_else(|report| panic!("{report}"));
    let difference = config.fixed().difference(&config_of_another.fixed());
    assert_eq!(difference, Some("limits.redis"));
    let application = |secret: &str| {
        let secret =
            format!("client_secret: {{ tenant_id: t, client_id: c, secret: {{ env: {secret} }} }}");
        let read = read(&format!(
            "url: \"rediss://a\", username: 0f1e, identity: {{ {secret} }}"
        ));
        read.unwrap_or_else(|report| panic!("{report}")).fixed()
    };
    let another_secret = application("HOME").difference(&application("PATH"));
    assert_eq!(another_secret, None, "it is the same principal");
    for (members, said) in [
        (
            format!("url: \"rediss://a\", {good}, password: {{ env: PATH }}"),
            "either `password` or `identity`",
        ),
        (
            "url: \"rediss://a\", identity: { managed_identity: {} }".to_owned(),
            "`identity` needs a `username`",
        ),
        (
            format!("url: \"redis://a\", {good}"),
            "is sent over TLS alone",
        ),
        (
            format!("cluster: [\"redis://a\"], {good}"),
            "is sent over TLS alone",
        ),
        (
            format!("sentinel: {{ urls: [\"redis://a:26379\"], name: main }}, {good}"),
            "is sent over TLS alone",
        ),
        (
            "url: \"rediss://a\", username: 0f1e, identity: {}".to_owned(),
            "exactly one of `managed_identity`",
        ),
        (
            "url: \"rediss://a\", username: 0f1e, identity: { managed_identity: {}, scope: redis }"
                .to_owned(),
            "https://redis.azure.com/.default",
        ),
    ] {
        let Err(report) = read(&members) else {
            panic!("{members} is good");
        };
        assert!(report.to_string().contains(said), "{members}: {report}");
    }
}
