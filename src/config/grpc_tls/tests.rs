use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use crate::config::tests::{GOOD, read};
use crate::config::{Config, ConfigError, GrpcAddress};

const TLS: &str =
    "{ certificate: tls.crt, key: tls.key, trust: [tls.crt], clients: [\"spiffe://a/envoy\"] }";

/// A folder with a certificate and its key, and the key of another one.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    let mut params = CertificateParams::new(["tollgate.test".to_owned()]).expect("good");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().expect("a key");
    write("tls.crt", params.self_signed(&key).expect("signed").pem());
    write("tls.key", key.serialize_pem());
    write(
        "other.key",
        KeyPair::generate().expect("a key").serialize_pem(),
    );
    folder
}

fn parse(listen: &str, directory: &Path) -> Result<Config, ConfigError> {
    let others = GOOD.lines().filter(|line| !line.starts_with("listen:"));
    let others = others.collect::<Vec<_>>().join("\n");
    let text = format!("listen: {{ {listen}, admin: \"127.0.0.1:9090\" }}\n{others}\n");
    read("tollgate.yaml", &text, directory)
}

#[test]
fn any_address_will_do_where_both_sides_prove_who_they_are() {
    let folder = folder();
    for address in ["0.0.0.0:9000", "[::]:9000", "127.0.0.1:9000"] {
        let listen = format!("grpc: \"{address}\", grpc_tls: {TLS}");
        let config = parse(&listen, folder.path()).expect("good");
        let expected = address.parse().expect("an address");
        assert_eq!(config.listen.grpc, GrpcAddress::Tls(expected));
        assert!(config.policy.mutual_tls.is_some());
        let names = ["tls.crt", "tls.crt", "tls.key"].map(|it| folder.path().join(it));
        assert!(
            names.iter().all(|it| config.files.contains(it)),
            "they are watched"
        );
    }
}

#[test]
fn a_service_whose_replicas_share_no_key_is_warned_of() {
    let folder = folder();
    let warned = |listen: &str| {
        let config = parse(listen, folder.path()).expect("good");
        let mut all = config.warnings.iter();
        all.any(|it| it.message.contains("replicas share no key of decisions"))
    };
    assert!(warned(&format!("grpc: \"0.0.0.0:9000\", grpc_tls: {TLS}")));
    assert!(!warned("grpc: \"127.0.0.1:9000\""));
    let wildcard = TLS.replace("spiffe://a/envoy", "*.gateways.example");
    assert!(warned(&format!(
        "grpc: \"0.0.0.0:9000\", grpc_tls: {wildcard}"
    )));
}

#[test]
fn every_mistake_is_refused_with_its_reason() {
    let folder = folder();
    let tls = |from: &str, to: &str| {
        assert!(TLS.contains(from), "{from}");
        format!(
            "grpc: \"0.0.0.0:9000\", grpc_tls: {}",
            TLS.replacen(from, to, 1)
        )
    };
    for (listen, reason) in [
        ("grpc: \"0.0.0.0:9000\"".to_owned(), "without `grpc_tls`"),
        (
            format!("grpc: \"unix:/run/a.sock\", grpc_tls: {TLS}"),
            "has no TLS",
        ),
        (tls("tls.crt", "none.crt"), "none.crt can't be read"),
        (tls("tls.key", "none.key"), "none.key can't be read"),
        (tls("tls.key", "tls.crt"), "no private key"),
        (tls("tls.key", "other.key"), "not the certificate's"),
        (tls("[tls.crt]", "[]"), "`trust` is empty"),
        (
            tls("[tls.crt]", "[tls.key]"),
            "is not a PEM file of certificates",
        ),
        (tls("[\"spiffe://a/envoy\"]", "[]"), "`clients` is empty"),
        (tls("spiffe://a/envoy", ""), "not a name"),
        (tls("spiffe://a/envoy", "two words"), "not a name"),
        (tls("spiffe://a/envoy", "spiffe://a/*"), "not a name"),
        (tls("spiffe://a/envoy", "spiffe:/a/envoy"), "not a name"),
        (tls("spiffe://a/envoy", "spiffe://"), "not a name"),
        (tls("spiffe://a/envoy", "CN=envoy"), "not a name"),
        (tls("spiffe://a/envoy", "a..example"), "not a name"),
        (tls("spiffe://a/envoy", "a.*.example"), "not a name"),
        (
            tls("clients", "revocation: { crl: required }, clients"),
            "must either have a source",
        ),
        (tls("clients", "names"), "names"),
    ] {
        let error = parse(&listen, folder.path()).err().expect("wrong");
        let text = error.lines().concat();
        assert!(text.contains(reason), "{listen}: {text}");
    }
}
