//! Certificates: judged for the first time, and remembered.

use std::fmt::Write;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tollgate::auth::PresentedCertificate;

use crate::gateway::{Bench, request, yaml};
use crate::measure;

const COLD: usize = 2_000;
const CACHED: usize = 25_000;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A chain of three, all P-256: the leaf, the intermediate, and the root.
fn chain() -> [String; 3] {
    let (root, sub) = (authority("root"), authority("sub"));
    let key = || KeyPair::generate().expect("a key");
    let (root_key, sub_key, leaf_key) = (key(), key(), key());
    let root_pem = root.self_signed(&root_key).expect("signed").pem();
    let root = Issuer::new(root, root_key);
    let sub_pem = sub.signed_by(&sub_key, &root).expect("signed").pem();
    let sub = Issuer::new(sub, sub_key);
    let mut leaf = params("device");
    let uri = "spiffe://acme/factory/7".try_into().expect("ASCII");
    leaf.subject_alt_names = vec![SanType::URI(uri)];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let leaf_pem = leaf.signed_by(&leaf_key, &sub).expect("signed").pem();
    [leaf_pem, sub_pem, root_pem]
}

/// As Envoy encodes PEM.
fn encoded(pem: &str) -> String {
    pem.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'\n' | b' ' | b'+' | b'/' | b'=' => write!(text, "%{byte:02X}").expect("a string"),
            byte => text.push(char::from(byte)),
        }
        text
    })
}

pub(crate) fn run() {
    let [leaf, sub, root] = chain();
    let directory = tempfile::tempdir().expect("a folder");
    std::fs::write(directory.path().join("root.pem"), root).expect("written");
    let top = "certificate_authorities:\n  - { name: devices, trust: [root.pem], revocation: { crl: off } }\n";
    let credential =
        "{ certificate: { authority: devices, uri_san: \"spiffe://acme/factory/7\" } }";
    let bench = Bench::new(&yaml(top, credential, ""), directory.path());
    let ring = bench
        .certificates
        .as_ref()
        .expect("certificates are accepted");
    let (peer, chain) = (encoded(&leaf), encoded(&(leaf + &sub)));
    // Each another header, so that none is remembered.
    let header = |number: usize| format!("Chain=\"{chain}\";URI={number}");
    let now = SystemTime::now();
    let judge = |header: &String| {
        let mut presented = PresentedCertificate::new(&peer);
        presented.add(header.as_bytes());
        ring.authenticate(&presented, now).expect("a caller")
    };
    let all: Vec<_> = (0..COLD).map(header).collect();
    measure(
        "certificate: cold, a chain of three (P-256)",
        all.iter().collect(),
        judge,
    );
    measure(
        "certificate: cached",
        all.iter().cycle().take(CACHED).collect(),
        judge,
    );
    let first = all.first().expect("a header");
    let checks = vec![request(("x-forwarded-client-cert", first), &peer); CACHED];
    measure(
        "certificate: cached, the whole of ext_authz",
        checks,
        |check| bench.check(check),
    );
}
