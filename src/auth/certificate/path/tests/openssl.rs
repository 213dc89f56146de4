//! What OpenSSL's command line can make: deltas, and what this service does not support, refused with its
//! documented reason.

use std::path::Path;
use std::process::Command;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::auth::certificate::testing::{lists_in_files, verify, with_anchors};
use crate::auth::certificate::{Authority, CertificateError, CrlError, CrlMode, ExtendedKeyUsage};

const SETTINGS: &str = "
[ca]
default_ca = it
[it]
database = index
default_md = sha256
crlnumber = number
default_crl_days = 3650
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[v3_leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
[full]
authorityKeyIdentifier = keyid
[delta]
authorityKeyIdentifier = keyid
2.5.29.27 = critical,DER:02:01:01
[indirect]
issuingDistributionPoint = critical,@indirect_point
[indirect_point]
fullname = URI:http://crl.example.com/all.crl
indirectCRL = TRUE
[reasons]
issuingDistributionPoint = critical,@reasons_point
[reasons_point]
fullname = URI:http://crl.example.com/some.crl
onlysomereasons = keyCompromise, CACompromise
[unknown]
1.2.3.4 = critical,DER:05:00
";

/// `root`, a self-issued certificate of the same name with a key of its own, and a leaf of `root`.
const PKI: &str = "set -e
: > index; echo 01 > number
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem \
    -days 3650 -subj /CN=root -config it.cnf -extensions v3_ca
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout lists.key -out lists.csr -subj /CN=root
openssl x509 -req -in lists.csr -CA root.pem -CAkey root.key -set_serial 2 -days 3650 -extfile it.cnf \
    -extensions v3_ca -out lists.pem
";

fn shell(directory: &Path, script: &str) {
    let run = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{script}\n{said}");
}

/// The files of [`PKI`].
struct Pki(tempfile::TempDir);

impl Pki {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let settings = format!("{SETTINGS}[req]\ndistinguished_name = name\n[name]\n");
        std::fs::write(directory.path().join("it.cnf"), settings).expect("written");
        shell(directory.path(), PKI);
        Self(directory)
    }

    fn der(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.0.path().join(name)).expect("PEM")
    }

    /// A leaf whose key these commands write into `leaf.key`.
    fn leaf(&self, key: &str) -> CertificateDer<'static> {
        let script = format!(
            "set -e
{key}
openssl req -new -key leaf.key -out leaf.csr -subj /CN=device
openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -set_serial 7 -days 3650 -extfile it.cnf \
    -extensions v3_leaf -out leaf.pem"
        );
        shell(self.0.path(), &script);
        self.der("leaf.pem")
    }

    /// A list with extensions of a section of the settings, by a key.
    fn list(&self, section: &str, by: &str) -> Vec<u8> {
        let script = format!(
            "openssl ca -gencrl -config it.cnf -crlexts {section} -cert {by}.pem -keyfile {by}.key -out it.crl"
        );
        shell(self.0.path(), &script);
        std::fs::read(self.0.path().join("it.crl")).expect("a list")
    }

    fn authority(&self, mode: CrlMode, lists: Vec<Vec<u8>>) -> Authority {
        let lists = lists_in_files(mode, lists).expect("lists");
        with_anchors(
            vec![self.der("root.pem")],
            ExtendedKeyUsage::ClientAuth,
            5,
            lists,
        )
    }
}

fn judge(authority: &Authority, leaf: &CertificateDer<'static>) -> Result<(), CertificateError> {
    verify(authority, std::slice::from_ref(leaf))
}

const GOOD_KEY: &str =
    "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out leaf.key";

#[test]
fn lists_of_unsupported_kinds_are_not_taken_and_prove_nothing() {
    let pki = Pki::new();
    let leaf = pki.leaf(GOOD_KEY);
    let full = pki.list("full", "root");
    for section in ["indirect", "unknown"] {
        let list = pki.list(section, "root");
        let at_start = lists_in_files(CrlMode::Required, vec![list.clone()]);
        let is_refused = matches!(at_start, Err((_, CrlError::Unsupported(_))));
        assert!(is_refused, "{section}, as a file");
        let none = pki.authority(CrlMode::Required, Vec::new());
        let taken = none.revocation().take("a URL", &list);
        assert!(
            matches!(taken, Err(CrlError::Unsupported(_))),
            "{section}: {taken:?}"
        );
        let unknown = Err(CertificateError::RevocationUnknown);
        assert_eq!(judge(&none, &leaf), unknown, "{section} alone");
        let held = pki.authority(CrlMode::Required, vec![full.clone()]);
        assert!(held.revocation().take("a URL", &list).is_err(), "{section}");
        assert_eq!(judge(&held, &leaf), Ok(()), "{section} next to a full list");
    }
}

#[test]
fn a_delta_made_by_openssl_revokes_what_its_base_does_not() {
    let pki = Pki::new();
    let (leaf, full) = (pki.leaf(GOOD_KEY), pki.list("full", "root"));
    let authority = pki.authority(CrlMode::Required, vec![full.clone()]);
    let take = |source, list: Vec<u8>| authority.revocation().take(source, &list).expect(source);
    take("a delta", pki.list("delta", "root"));
    assert_eq!(judge(&authority, &leaf), Ok(()), "not on the delta");
    let revoke = "openssl ca -revoke leaf.pem -config it.cnf -cert root.pem -keyfile root.key";
    shell(pki.0.path(), revoke);
    take("a delta", pki.list("delta", "root"));
    let revoked = Err(CertificateError::Revoked);
    assert_eq!(judge(&authority, &leaf), revoked, "on the delta");
    let both = [full, pki.list("delta", "root")];
    let first = pki.authority(CrlMode::Soft, both.to_vec());
    assert_eq!(judge(&first, &leaf), revoked, "as files");
    let alone = pki.authority(CrlMode::Required, vec![pki.list("reasons", "root")]);
    assert_eq!(judge(&alone, &leaf), revoked, "for some reasons");
}

#[test]
fn a_list_of_some_reasons_or_a_delta_alone_is_no_proof() {
    let pki = Pki::new();
    let leaf = pki.leaf(GOOD_KEY);
    for section in ["delta", "reasons"] {
        let alone = pki.authority(CrlMode::Required, vec![pki.list(section, "root")]);
        let unknown = Err(CertificateError::RevocationUnknown);
        assert_eq!(judge(&alone, &leaf), unknown, "{section}");
    }
}

#[test]
fn a_list_by_a_self_issued_key_of_the_same_name_is_not_the_issuers() {
    let pki = Pki::new();
    let leaf = pki.leaf(GOOD_KEY);
    let list = pki.list("full", "lists");
    for mode in [CrlMode::Required, CrlMode::Soft] {
        let at_start = pki.authority(mode, vec![list.clone()]);
        let untrusted = Err(CertificateError::CrlUntrusted);
        assert_eq!(judge(&at_start, &leaf), untrusted, "{mode:?}, as a file");
        let fetched = pki.authority(mode, Vec::new());
        let taken = fetched.revocation().take("a URL", &list);
        assert!(
            matches!(taken, Err(CrlError::Signature)),
            "{mode:?}: {taken:?}"
        );
    }
}

#[test]
fn leaves_with_weak_or_foreign_keys_are_refused() {
    let pki = Pki::new();
    let off = pki.authority(CrlMode::Off, Vec::new());
    assert_eq!(judge(&off, &pki.leaf(GOOD_KEY)), Ok(()));
    for key in [
        "openssl genpkey -genparam -algorithm dsa -pkeyopt dsa_paramgen_bits:2048 -pkeyopt dsa_paramgen_q_bits:256 -out dsa.pem 2>/dev/null
openssl genpkey -paramfile dsa.pem -out leaf.key",
        "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:prime192v1 -out leaf.key",
        "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:secp256k1 -out leaf.key",
        "openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:1024 -out leaf.key",
        "openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2047 -out leaf.key",
        "openssl genpkey -algorithm ed448 -out leaf.key",
    ] {
        let refused = Err(CertificateError::Algorithm);
        assert_eq!(judge(&off, &pki.leaf(key)), refused, "{key}");
    }
    let rsa = "openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out leaf.key";
    assert_eq!(judge(&off, &pki.leaf(rsa)), Ok(()), "{rsa}");
}
