use std::path::Path;

use crate::config::tests::{GOOD, parse, refused};
use crate::config::{Config, ConfigError};

/// The good file with certificates; the words in capitals are where mistakes go.
fn with_certificates(identity: &str, authority: &str) -> Result<Config, ConfigError> {
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
    let ring = config.policy.certificates.expect("certificates");
    assert_eq!((ring.authorities().len(), ring.identities()), (1, 1));
    assert!(
        parse(GOOD).expect("good").policy.certificates.is_none(),
        "the default is none"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn every_mistake_with_certificates_is_refused_with_its_reason() {
    for (identity, reason) in [
        (
            "{ authority: devices }",
            "every certificate of the authority",
        ),
        (
            "{ authority: other, dns_san: a }",
            "no certificate authority `other`",
        ),
        ("{ dns_san: a }", "needs an `authority`"),
        (
            "{ authority: devices, serial: \"7\" }",
            "unique for one issuer",
        ),
        (
            "{ authority: devices, serial: xyz, issuer_subject: CN=a }",
            "not a hexadecimal",
        ),
        ("{ authority: devices, dns_san: \"*.a\" }", "no wildcards"),
        (
            "{ authority: devices, common_name: \"a\\0b\" }",
            "control characters",
        ),
        (
            "{ authority: devices, thumbprint_sha256: abcd }",
            "not a thumbprint",
        ),
        ("{ authority: devices, san: a }", "san"),
        ("{ pinned_sha256: abcd }", "not a thumbprint"),
        (
            "{ authority: devices, pinned_sha256: abcd }",
            "remove the other fields",
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
            "not a PEM file",
        ),
        (
            "{ name: devices, trust: [src], revocation: { crl: off } }",
            "no .pem or .crt",
        ),
        ("{ name: devices, trust: [\"ROOT\"] }", "revocation"),
        (
            "{ name: devices, trust: [\"ROOT\"], revocation: { crl: required } }",
            "either have a source",
        ),
        (
            "{ name: devices, trust: [\"ROOT\"], revocation: { crl: off, files: [a] } }",
            "either have a source",
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
            "not a host",
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
