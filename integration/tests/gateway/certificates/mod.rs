//! Client certificates, through the TLS of the real Envoy: what the tests share.

mod chain;
mod header;
mod identity;
mod partitions;
mod points;
mod revocation;
mod vault;

use std::path::Path;

use rcgen::CertificateParams;
use tempfile::TempDir;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, poll_for};

use crate::pki::{Ca, Certified, FACTORY, ca_params, leaf_params};
use crate::support::{hello, metric, refused, send};

pub(crate) const IDENTITY: &str = "{ authority: devices, uri_san: \"spiffe://acme/factory/7\" }";

/// tollgate.yaml with an authority and the client `factory-7`.
pub(crate) fn with(yaml: &str, authority: &str, identity: &str) -> String {
    let authority = match authority {
        "" => String::new(),
        it => format!("certificate_authorities:\n  - {it}\n"),
    };
    let client = format!(
        "{authority}clients:\n  - id: factory-7\n    credentials: [ {{ certificate: {identity} }} ]\n    products: [standard]\n"
    );
    yaml.replacen(
        "\"127.0.0.1:0\" }",
        "\"127.0.0.1:0\", client_certificates: xfcc }",
        1,
    )
    .replacen("clients:\n", &client, 1)
}

/// A stack that accepts certificates of an authority.
pub(crate) async fn stack(authority: &str, identity: &str) -> Stack {
    let (authority, identity) = (authority.to_owned(), identity.to_owned());
    let options = Options::default().mtls();
    Stack::start(options.edit_config(move |yaml| with(&yaml, &authority, &identity))).await
}

/// Root, intermediate, and where their files are.
pub(crate) struct Pki {
    files: TempDir,
    pub(crate) root: Ca,
    pub(crate) sub: Ca,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let root = Ca::root(ca_params("root"));
        let sub = root.intermediate(ca_params("sub"));
        std::fs::write(files.path().join("root.pem"), &root.pem).expect("written");
        Self { files, root, sub }
    }

    pub(crate) fn path(&self) -> &Path {
        self.files.path()
    }

    pub(crate) fn authority(&self, revocation: &str) -> String {
        let root = self.path().join("root.pem");
        format!(
            "{{ name: devices, trust: [\"{}\"], revocation: {revocation} }}",
            root.display()
        )
    }

    pub(crate) fn leaf(&self, change: impl Fn(&mut CertificateParams)) -> Certified {
        let mut params = leaf_params(FACTORY);
        change(&mut params);
        self.sub.leaf(&params, &[&self.sub.pem])
    }

    /// Writes the lists of both issuers, the one of `sub` with these serial numbers.
    pub(crate) fn write_lists(&self, number: u64, revoked: &[u64]) {
        let lists = self.root.crl(number, &[], 2049) + &self.sub.crl(number, revoked, 2049);
        let new = self.path().join("new");
        std::fs::write(&new, lists).expect("written");
        std::fs::rename(new, self.path().join("lists.pem")).expect("renamed");
    }

    pub(crate) fn required(&self) -> String {
        let lists = self.path().join("lists.pem");
        self.authority(&format!(
            "{{ crl: required, files: [\"{}\"], refresh: 100ms }}",
            lists.display()
        ))
    }
}

pub(crate) fn chat(stack: &Stack, certified: &Certified) -> reqwest::RequestBuilder {
    let client = stack
        .callers
        .with_certificate(&certified.chain, &certified.key);
    let client = client.expect("a client with a certificate");
    client.post(stack.callers.url(CHAT_PATH)).json(&hello())
}

/// Asserts that a certificate is refused, and why.
pub(crate) async fn assert_refused(stack: &Stack, certified: &Certified, reason: &str, what: &str) {
    let label = format!("reason=\"{reason}\"");
    let before = metric(stack, "tollgate_decisions_total", &[&label]).await;
    let (status, code) = refused(chat(stack, certified)).await;
    assert_eq!(
        (status, code.as_str()),
        (401, "invalid_certificate"),
        "{what}"
    );
    let after = metric(stack, "tollgate_decisions_total", &[&label]).await;
    let metrics = stack.tollgate().metrics().await.expect("metrics");
    let seen: Vec<_> = metrics
        .lines()
        .filter(|line| line.contains("\"deny\""))
        .collect();
    assert_eq!(
        after,
        before + 1.0,
        "{what}: not counted as {reason}: {seen:#?}"
    );
}

/// Waits until a change of the lists has come through.
pub(crate) async fn until_refused(stack: &Stack, certified: &Certified) {
    let status = async || {
        let response = send(chat(stack, certified)).await;
        (response.status() == 401).then_some(())
    };
    poll_for("the revocation", status).await.expect("refused");
}

/// The DER of the first certificate of a PEM.
pub(crate) fn pem_bytes(pem: &str) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pem.as_bytes())
        .expect("PEM")
        .to_vec()
}
