use std::path::Path;

use crate::config::Config;
use crate::config::tests::read;

fn parse(vault: &str) -> Result<Config, String> {
    let text = format!(
        r#"
listen: {{ grpc: "unix:/run/tollgate/tollgate.sock", admin: "127.0.0.1:9090", client_certificates: xfcc }}
identity: {{ managed_identity: {{}} }}
certificate_authorities:
  - {{ name: devices, trust: [ {vault} ], revocation: {{ crl: off }} }}
clients:
  - id: device
    credentials: [ {{ certificate: {{ authority: devices, common_name: device }} }} ]
    products: [standard]
products:
  - {{ id: standard, deployments: [gpt-4o], operations: [chat.completions] }}
backends: [ {{ name: sweden }} ]
"#
    );
    read("t.yaml", &text, Path::new(".")).map_err(|error| error.to_string())
}

#[test]
fn vaults_of_azures_clouds_and_allowed_hosts_are_understood() {
    for vault in [
        "{ key_vault: { vault: \"https://acme.vault.azure.net\", certificate: corp-root } }",
        "{ key_vault: { vault: \"https://acme.vault.azure.net/\", secret: Roots2, refresh: 5m } }",
        "{ key_vault: { vault: \"https://acme.vault.azure.cn\", certificate: a } }",
        "{ key_vault: { vault: \"https://acme.vault.usgovcloudapi.net\", certificate: a } }",
        "{ key_vault: { vault: \"https://10.0.0.1:8443\", certificate: a, allow_hosts: [\"10.0.0.1:8443\"] } }",
        "integration/testdata/devices-root.pem, { key_vault: { vault: \"https://a.vault.azure.net\", certificate: a } }",
    ] {
        let config = parse(vault).unwrap_or_else(|error| panic!("{vault}: {error}"));
        let ring = config.policy.certificates.expect("certificates");
        assert_eq!(ring.states()[0].sources, 1, "{vault}");
    }
}

#[test]
fn every_mistake_says_what_is_wrong() {
    let at = |vault: &str| format!("{{ key_vault: {{ vault: \"{vault}\", certificate: a }} }}");
    let with = |more: &str| {
        format!("{{ key_vault: {{ vault: \"https://acme.vault.azure.net\", {more} }} }}")
    };
    for (vault, said) in [
        (at("http://acme.vault.azure.net"), "not a valid vault URL"),
        (at("https://vault.azure.net"), "not a valid vault URL"),
        (
            at("https://acme.vault.azure.net.evil.org"),
            "not a valid vault URL",
        ),
        (
            at("https://evil.org/.vault.azure.net"),
            "not a valid vault URL",
        ),
        (at("https://acmevault.azure.net"), "not a valid vault URL"),
        (at("https://a.b.vault.azure.net"), "not a valid vault URL"),
        (
            at("https://acme.vault.azure.net:8443"),
            "not a valid vault URL",
        ),
        (
            at("https://user@acme.vault.azure.net"),
            "not a valid vault URL",
        ),
        (
            at("https://acme.vault.azure.net/secrets/x"),
            "not a valid vault URL",
        ),
        (
            at("https://acme.vault.azure.net/?a=b"),
            "not a valid vault URL",
        ),
        (at("https://169.254.169.254"), "not a valid vault URL"),
        (at("acme"), "not a valid vault URL"),
        (with("allow_hosts: []"), "a `certificate` or a `secret`"),
        (
            with("certificate: a, secret: b"),
            "a `certificate` or a `secret`",
        ),
        (with("certificate: a/b"), "`a/b` is not a valid name"),
        (with("certificate: \"..\""), "`..` is not a valid name"),
        (with("secret: \"\""), "`` is not a valid name"),
        (
            with("certificate: a, refresh: 1ms"),
            "must be a duration of at least 100ms",
        ),
        (
            with("certificate: a, refresh: often"),
            "must be a duration of at least 100ms",
        ),
        (with("certificate: a, ca_file: gone.pem"), "No such file"),
        (with("certificate: a, key: b"), "no member `key`"),
        ("{ vault: x }".to_owned(), "no member `vault`"),
        ("{}".to_owned(), "`key_vault` is missing"),
    ] {
        let error = parse(&vault).map(|_| ()).expect_err(&vault);
        assert!(error.contains(said), "{vault}: {error}");
        assert!(error.contains("t.yaml:5"), "{vault}: no place: {error}");
    }
}
