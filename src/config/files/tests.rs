use std::collections::BTreeSet;

use crate::config::tests::{GOOD, read};

/// What docs/configuration.md says of a file that tollgate.yaml names.
#[test]
fn files_that_make_the_configuration_count_and_those_with_a_refresh_of_their_own_do_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let pem = include_str!("../../../integration/testdata/devices-root.pem");
    for (name, text) in [
        ("anchors.pem", pem),
        ("issuer-ca.pem", pem),
        ("secret", "a secret"),
        ("bearer", "token"),
        ("keys.json", r#"{"keys":[]}"#),
    ] {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    let certificates = "9090\", client_certificates: xfcc }\ncertificate_authorities:\n  - { name: devices, trust: [anchors.pem], revocation: { crl: off } }";
    let issuers = "issuers:\n  - { name: a, issuer: \"https://a.example.com/\", audiences: [t], ca_file: issuer-ca.pem }\n  - { name: b, issuer: \"https://b.example.com/\", audiences: [t], jwks_file: keys.json }\n";
    let secret = "{ client_secret: { tenant_id: t, client_id: c, secret: { file: secret } } }";
    let limits = "limits: { events: { url: \"https://a.example.com\", bearer_file: bearer } }\n";
    let text = GOOD
        .replace("9090\" }", certificates)
        .replace("slot: primary } }", "slot: primary } }\n      - { certificate: { authority: devices, dns_san: a.example.com } }")
        .replace("{ managed_identity: {} }", secret);
    let config = read(
        "t.yaml",
        &format!("{text}{issuers}{limits}"),
        directory.path(),
    );
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let watched: BTreeSet<_> = config
        .files
        .iter()
        .filter_map(|path| path.strip_prefix(directory.path()).ok()?.to_str())
        .collect();
    let expected = ["anchors.pem", "bearer", "issuer-ca.pem", "secret"];
    assert_eq!(watched, BTreeSet::from(expected));
}
