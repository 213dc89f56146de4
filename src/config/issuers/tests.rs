use std::path::Path;

use crate::config::Config;
use crate::config::tests::read;

const GOOD: &str = r#"
listen: { grpc: "unix:/run/tollgate/tollgate.sock", admin: "127.0.0.1:9090" }
identity: { managed_identity: {} }
issuers:
  - { name: okta, issuer: "https://acme.okta.com/oauth2/default", audiences: ["api://tollgate"] }
clients:
  - { id: app, credentials: [ { token: { issuer: okta, client: a1 } } ], products: [standard] }
products:
  - { id: standard, deployments: [gpt-4o], operations: [chat.completions] }
backends: [ { name: sweden } ]
"#;

fn parse(text: &str) -> Result<Config, String> {
    read("t.yaml", text, Path::new(".")).map_err(|error| error.to_string())
}

#[test]
fn an_issuer_and_its_client_are_understood() {
    let config = parse(GOOD).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.policy.tokens.issuers().len(), 1);
    assert_eq!(config.key_refreshes.len(), 1);
    assert_eq!(config.key_refreshes[0].interval.as_secs(), 600);
}

#[test]
fn every_mistake_says_what_is_wrong() {
    let issuer = |more: &str| {
        GOOD.replacen(
            "[\"api://tollgate\"]",
            &format!("[\"api://tollgate\"], {more}"),
            1,
        )
    };
    let other = |client: &str| {
        let line = format!(
            "clients:\n  - {{ id: other, credentials: [ {client} ], products: [standard] }}\n"
        );
        GOOD.replacen("clients:\n", &line, 1)
    };
    for (text, reason) in [
        (GOOD.replace("issuer: okta, client", "issuer: auth0, client"), "no issuer `auth0`"),
        (GOOD.replace(", client: a1", ""), "`client` or `claims`"),
        (GOOD.replace("client: a1", "client: \"\""), "`client` or `claims`"),
        (GOOD.replace("https://acme", "http://acme"), "only https"),
        (GOOD.replace("https://acme.okta.com", "https://10.0.0.1"), "not public"),
        (GOOD.replace("https://acme.okta.com/oauth2/default", "acme"), "not a valid URL"),
        (GOOD.replace("oauth2/default", "{tenantid}"), "needs `tenants`"),
        (GOOD.replace("[\"api://tollgate\"]", "[]"), "`audiences` is empty"),
        (GOOD.replace("[\"api://tollgate\"]", "[\"\"]"), "an audience is empty"),
        (issuer("tenants: [a]"), "needs an issuer with"),
        (issuer("algorithms: []"), "`algorithms` is empty"),
        (issuer("algorithms: [HS256]"), "HS256"),
        (issuer("algorithms: [none]"), "none"),
        (issuer("leeway: 1h"), "must be at most 5m"),
        (issuer("leeway: soon"), "not a valid duration"),
        (issuer("refresh: 0s"), "must be at least 1s"),
        (issuer("jwks_file: gone.json"), "can't be read"),
        (issuer("jwks_uri: \"https://169.254.169.254/\""), "not public"),
        (issuer("jwks_uri: \"https://a.example/\", discovery: \"https://a.example/\""), "at most one"),
        (issuer("allow_addresses: [here]"), "range of addresses"),
        (issuer("ca_file: gone.pem"), "No such file"),
        (issuer("default_client: { client: nobody }"), "no client `nobody`"),
        (issuer("surprise: 1"), "surprise"),
        (other("{ token: { issuer: okta, client: a1 } }"), "already belongs to client `other`"),
        (other("{ token: { issuer: okta, client: a1, claims: { sub: x } } }"), "already belongs to client `other`"),
        (other("{}"), "one of `key`, `token` and `certificate`"),
        (
            GOOD.replacen("issuers:\n", "issuers:\n  - { name: b, issuer: \"https://acme.okta.com/oauth2/default\", audiences: [x] }\n", 1),
            "another issuer in this file",
        ),
    ] {
        let Err(error) = parse(&text) else {
            panic!("{reason}: must be refused");
        };
        assert!(error.contains(reason), "{reason}: {error}");
        assert!(error.lines().all(|line| line.starts_with("t.yaml:")), "{error}");
    }
}

#[test]
fn a_default_client_needs_no_credential_of_its_own() {
    let text = GOOD
        .replacen(
            "[\"api://tollgate\"]",
            "[\"api://tollgate\"], default_client: { client: all }",
            1,
        )
        .replacen(
            "clients:\n",
            "clients:\n  - { id: all, credentials: [], products: [standard] }\n",
            1,
        );
    assert!(parse(&text).is_ok(), "{:?}", parse(&text).err());
}

/// 100,000 clients of one issuer are read in the time of a reload.
#[test]
fn many_clients_of_one_issuer_are_read_in_linear_time() {
    let mut directory = crate::auth::Directory::default();
    let product = std::sync::Arc::new(crate::access::Client::new(
        crate::access::ClientId::new("a"),
        Vec::new(),
    ));
    let path = crate::auth::ClaimPath::new(["cid".to_owned()]);
    let begun = std::time::Instant::now();
    for number in 0..100_000 {
        let claims = [(path.clone(), format!("app-{number}"))].into();
        directory
            .add(&claims, std::sync::Arc::clone(&product))
            .expect("new");
    }
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
