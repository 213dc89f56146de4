//! Issuers, certificate authorities, and Envoy's own certificate.

use std::process::Command;

use jsonwebtoken::Algorithm;
use serde_json::json;
use tollgate_integration::fakes::issuer::{FakeIssuer, IssuerMode, Signer};
use tollgate_integration::fakes::key_vault::{Answer, FakeKeyVault};
use tollgate_integration::fakes::server::Listen;

use super::{Diagnosis, Rig, sound};
use crate::certificates::{IDENTITY, Pki, pem_bytes, with};

const ISSUER: &str = "issuer test";
const AUTHORITY: &str = "certificate authority devices";
const CERTIFICATE: &str = "certificate of Envoy";

/// tollgate.yaml with an issuer. That it is on plain HTTP is what `tollgate check` warns of.
fn with_issuer(yaml: &str, issuer: &FakeIssuer, more: &str) -> String {
    format!(
        "{yaml}issuers: [ {{ name: test, issuer: \"{}\", audiences: [a], allow_http: true, allow_addresses: [127.0.0.1]{more} }} ]\n",
        issuer.url()
    )
}

fn assert_issuer(found: &Diagnosis, check: &str, message: &str, advice: &str) {
    found.assert((ISSUER, check), "error", message, advice);
    found.assert_only(&[(ISSUER, check), ("configuration", "warnings")]);
}

#[tokio::test]
async fn an_issuer_that_gives_no_usable_keys_is_found() {
    let rig = Rig::start(sound()).await;
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let yaml = with_issuer(&rig.yaml(), &issuer, "");
    let found = rig.examine(&yaml).await;
    found.assert((ISSUER, "keys"), "ok", "has 1 keys", "");
    found.assert((ISSUER, "algorithms"), "ok", "", "");
    found.assert(
        ("configuration", "warnings"),
        "warning",
        "allow_http",
        "unless it is meant",
    );
    found.assert_only(&[("configuration", "warnings")]);

    for (mode, message, advice) in [
        (IssuerMode::Down, "503", "see that the issuer is up"),
        (
            IssuerMode::OtherIssuer,
            "is for another issuer",
            "to the letter",
        ),
        (
            IssuerMode::KeysAt("http://169.254.169.254/".to_owned()),
            "its address is not allowed",
            "allow_addresses",
        ),
        (
            IssuerMode::Redirect("https://elsewhere.example".to_owned()),
            "302",
            "redirects are not followed",
        ),
        (
            IssuerMode::Endless,
            "is larger than",
            "see that the address",
        ),
        (
            IssuerMode::KeySet("[]".to_owned()),
            "not a JSON Web Key Set",
            "jwks_uri",
        ),
        (
            IssuerMode::KeySet(json!({"keys": []}).to_string()),
            "has no key",
            "publish signing keys",
        ),
    ] {
        issuer.set_mode(mode);
        let found = rig.examine(&yaml).await;
        assert_issuer(&found, "keys", message, advice);
        assert_eq!(found.code, Some(1));
    }
    issuer.set_mode(IssuerMode::Ok);
    let other = with_issuer(&rig.yaml(), &issuer, ", algorithms: [RS256]");
    let found = rig.examine(&other).await;
    assert_issuer(&found, "algorithms", "none of its keys", "set `algorithms`");
}

#[tokio::test]
async fn a_key_set_in_a_file_is_read() {
    let rig = Rig::start(sound()).await;
    let signer = Signer::new("1", Algorithm::ES256);
    rig.write("keys.json", &json!({"keys": [signer.jwk()]}).to_string());
    let issuer = "issuers: [ { name: test, issuer: \"https://a.example\", audiences: [a], jwks_file: keys.json, default_client: { client: app } } ]\n";
    let found = rig.examine(&(rig.yaml() + issuer)).await;
    found.assert((ISSUER, "keys"), "ok", "keys.json has 1 keys", "");
    found.assert_only(&[]);
}

/// The configuration of a PKI whose list of `sub` serves until the end of a year.
fn with_authority(rig: &Rig, pki: &Pki, mode: &str, last_year: i32) -> String {
    let lists = pki.root.crl(1, &[], 2049) + &pki.sub.crl(1, &[], last_year);
    std::fs::write(pki.path().join("lists.pem"), lists).expect("written");
    let lists = pki.path().join("lists.pem");
    let revocation = format!("{{ crl: {mode}, files: [\"{}\"] }}", lists.display());
    with(&rig.yaml(), &pki.authority(&revocation), IDENTITY)
}

#[tokio::test]
async fn an_expired_revocation_list_is_found() {
    let rig = Rig::start(sound()).await;
    let pki = Pki::new();
    let good = rig
        .examine(&with_authority(&rig, &pki, "required", 2049))
        .await;
    good.assert((AUTHORITY, "expiry"), "ok", "CN=root is valid", "");
    let at = (AUTHORITY, "revocation");
    good.assert(at, "ok", "lists.pem is good for", "");
    good.assert_only(&[]);

    for (mode, result) in [("required", "error"), ("soft", "warning")] {
        let yaml = with_authority(&rig, &pki, mode, 2025);
        let found = rig.examine(&yaml).await;
        let advice = "let the authority publish a new list";
        found.assert((AUTHORITY, "revocation"), result, "expired", advice);
        found.assert_only(&[(AUTHORITY, "revocation")]);
    }
}

#[tokio::test]
async fn a_revocation_list_that_can_not_be_fetched_is_found() {
    let rig = Rig::start(sound()).await;
    let pki = Pki::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = taken.local_addr().expect("an address");
    drop(taken);
    let revocation = format!("{{ crl: required, urls: [\"http://{free}/lists\"] }}");
    let yaml = with(&rig.yaml(), &pki.authority(&revocation), IDENTITY);
    let found = rig.examine(&yaml).await;
    let advice = "can be reached from here";
    found.assert(
        (AUTHORITY, "revocation"),
        "error",
        "can't be fetched",
        advice,
    );
    found.assert_only(&[(AUTHORITY, "revocation")]);
}

#[tokio::test]
async fn a_vault_that_does_not_give_its_anchors_is_found() {
    let rig = Rig::start(sound()).await;
    let server = rig.pki.server(&["127.0.0.1"]).expect("a certificate");
    let listen = Listen {
        tls: Some(server.server_config().expect("TLS")),
        ..Listen::default()
    };
    let vault = FakeKeyVault::start(listen, rig.identity.token_secret()).await;
    let vault = vault.expect("the vault listens");
    let at = vault.addr;
    let authority = format!(
        "{{ name: devices, trust: [ {{ key_vault: {{ vault: \"https://{at}\", certificate: root, allow_hosts: [\"{at}\"], ca_file: authority.pem }} }} ], revocation: {{ crl: off }} }}"
    );
    let yaml = with(&rig.yaml(), &authority, IDENTITY);
    vault.put("/certificates/root", Answer::Status(403));
    let found = rig.examine(&yaml).await;
    let at = (AUTHORITY, "trust");
    found.assert(at, "error", "403", "the gateway's identity may read it");
    found.assert_only(&[at]);
    let root = pem_bytes(&Pki::new().root.pem);
    vault.put("/certificates/root", Answer::Certificate(root));
    let found = rig.examine(&yaml).await;
    found.assert(at, "ok", "has trust anchors", "");
    found.assert((AUTHORITY, "expiry"), "ok", "CN=root is valid", "");
    found.assert_only(&[]);
}

/// OpenSSL's own certificate and key, for so many days.
fn openssl(rig: &Rig, name: &str, days: &str) {
    let path = |end: &str| rig.folder.path().join(format!("{name}.{end}"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=gateway",
        ])
        .args(["-days", days, "-keyout"])
        .arg(path("key"))
        .arg("-out")
        .arg(path("crt"))
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
}

fn with_certificate(rig: &Rig, certificate: &str, key: &str) -> String {
    let path = |name: &str| rig.folder.path().join(name).display().to_string();
    format!(
        "{}envoy: {{ tls: {{ certificate: \"{}\", key: \"{}\" }} }}\n",
        rig.yaml(),
        path(certificate),
        path(key)
    )
}

#[tokio::test]
async fn envoys_certificate_is_looked_at_with_its_key() {
    let rig = Rig::start(sound()).await;
    openssl(&rig, "long", "90");
    openssl(&rig, "short", "5");
    let examine = async |certificate, key| {
        let yaml = with_certificate(&rig, certificate, key);
        rig.examine(&yaml).await
    };
    let good = examine("long.crt", "long.key").await;
    good.assert((CERTIFICATE, "expiry"), "ok", "days", "");
    good.assert((CERTIFICATE, "key"), "ok", "is its key", "");
    good.assert_only(&[]);

    let short = examine("short.crt", "short.key").await;
    short.assert((CERTIFICATE, "expiry"), "warning", "expires in", "renew it");
    short.assert_only(&[(CERTIFICATE, "expiry")]);

    let swapped = examine("long.crt", "short.key").await;
    let message = "the key of another certificate";
    swapped.assert((CERTIFICATE, "key"), "error", message, "its own key");
    swapped.assert_only(&[(CERTIFICATE, "key")]);

    let mixed = examine("long.key", "long.key").await;
    let message = "not a PEM file of certificates";
    mixed.assert((CERTIFICATE, "expiry"), "error", message, "envoy.tls");

    let elsewhere = examine("none.crt", "none.key").await;
    elsewhere.assert((CERTIFICATE, "expiry"), "skipped", "where Envoy runs", "");
    elsewhere.assert_only(&[]);
}
