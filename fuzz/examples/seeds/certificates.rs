//! Chains as Envoy writes them into `x-forwarded-client-cert`, and revocation lists.

use std::fmt::Write;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

use crate::{seed, write as write_file};

const FACTORY: &str = "spiffe://acme/factory/7";
const REVOKED: u64 = 8;
/// The number of the lists of the fixture.
const NUMBER: u64 = 5;

struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new(name: &str, parent: Option<&Self>) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = match parent {
            Some(parent) => params.signed_by(&key, &parent.issuer),
            None => params.self_signed(&key),
        };
        let pem = certificate.expect("signed").pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn leaf(&self, serial: u64, change: impl Fn(&mut CertificateParams)) -> String {
        let mut params = params("device");
        params.serial_number = Some(SerialNumber::from(serial));
        params.subject_alt_names = vec![SanType::URI(FACTORY.try_into().expect("ASCII"))];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        params.signed_by(&key, &self.issuer).expect("signed").pem()
    }

    fn list(
        &self,
        number: u64,
        revoked: &[u64],
        change: impl Fn(&mut CertificateRevocationListParams),
    ) -> rcgen::CertificateRevocationList {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 2, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let mut params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 2, 1),
            next_update: date_time_ymd(2099, 12, 31),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut params);
        params.signed_by(&self.issuer).expect("signed")
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2099, 12, 31);
    params
}

/// Writes certificates, headers and lists; gives the good leaf in PEM.
pub(crate) fn write() -> String {
    let root = Ca::new("root", None);
    let sub = Ca::new("sub", Some(&root));
    let leaf = sub.leaf(7, |_| {});
    let lists = [
        root.list(NUMBER, &[], |_| {}),
        sub.list(NUMBER, &[REVOKED], |_| {}),
    ];
    let lists = lists.map(|list| list.pem().expect("PEM")).concat();
    write_file("fixture/root.pem", &root.pem);
    write_file("fixture/sub.pem", &sub.pem);
    write_file("fixture/leaf.pem", &leaf);
    write_file("fixture/revoked.pem", sub.leaf(REVOKED, |_| {}));
    write_file("fixture/lists.pem", &lists);
    headers(&sub, &leaf, &root.pem);
    revocation(&sub, &lists);
    leaf
}

pub(crate) fn encoded(pem: &str) -> String {
    pem.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'\n' | b' ' | b'+' | b'/' | b'=' => write!(text, "%{byte:02X}").expect("a string"),
            byte => text.push(char::from(byte)),
        }
        text
    })
}

fn headers(sub: &Ca, leaf: &str, root: &str) {
    let put = |name: &str, header: &str| seed("xfcc", name, header);
    let cert = encoded(leaf);
    let chain = encoded(&format!("{leaf}{}", sub.pem));
    let other = encoded(&sub.leaf(9, |_| {}));
    put("good-cert", &format!("Cert=\"{cert}\""));
    put("good-chain", &format!("Chain=\"{chain}\""));
    put(
        "good-as-envoy-writes-it",
        &format!(
            "Cert=\"{cert}\";Chain=\"{chain}\";Subject=\"CN=\\\"a, b\\\"\";URI={FACTORY};DNS=a.example;DNS=b.example"
        ),
    );
    put("good-lower-case", &format!("cert={cert}"));
    put(
        "good-with-root",
        &format!("Chain=\"{}\"", encoded(&format!("{leaf}{}{root}", sub.pem))),
    );
    put(
        "hash-of-another",
        &format!("Hash={};Cert=\"{cert}\"", "ab".repeat(32)),
    );
    put("hash-too-short", &format!("Hash=abcd;Cert=\"{cert}\""));
    put("hash-alone", &format!("Hash={}", "ab".repeat(32)));
    put("cert-of-another", &format!("Cert=\"{other}\""));
    put(
        "cert-is-not-first-of-chain",
        &format!("Cert=\"{cert}\";Chain=\"{other}\""),
    );
    put("cert-twice", &format!("Cert=\"{cert}\";Cert=\"{cert}\""));
    put("two-elements", &format!("Cert=\"{cert}\",Cert=\"{cert}\""));
    put("two-in-cert", &format!("Cert=\"{chain}\""));
    put(
        "nine-certificates",
        &format!("Chain=\"{}\"", cert.repeat(9)),
    );
    put("open-quote", &format!("Cert=\"{cert}"));
    put("escape-at-the-end", "Subject=\"a\\");
    put("text-after-quote", &format!("Cert=\"{cert}\"x"));
    put("semicolon-at-the-end", &format!("Cert=\"{cert}\";"));
    put("no-key", &format!("=\"{cert}\""));
    put("bad-percent", "Cert=\"-----BEGIN%2\"");
    put("nul", "Cert=\"%00\";URI=\0");
    put("empty", "");
    put("many-pairs", &"URI=a;".repeat(129));
    put(
        "garbage-in-pem",
        &encoded("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    );
    put(
        "certificate-cut",
        &format!("Cert=\"{}\"", &cert[..cert.len() / 2]),
    );
}

fn revocation(sub: &Ca, lists: &str) {
    let put = |name: &str, list: &[u8]| seed("crl", name, list);
    let good = sub.list(NUMBER, &[REVOKED], |_| {});
    let der = good.der().as_ref();
    put("good-der", der);
    put("good-pem", lists.as_bytes());
    let stranger = Ca::new("stranger", None);
    put(
        "good-of-a-stranger",
        stranger.list(1, &[7, 8, 9], |_| {}).der(),
    );
    let many: Vec<u64> = (REVOKED..REVOKED + 60)
        .filter(|serial| *serial != 9)
        .collect();
    put("good-many-entries", sub.list(NUMBER, &many, |_| {}).der());
    // Taken, as from another source than the fixture's, and of no effect. They are read in the order of their
    // names: first, so that this source has not given a newer one.
    put("good-a-list-numbered-zero", sub.list(0, &[], |_| {}).der());
    put(
        "good-a-list-that-is-older",
        sub.list(NUMBER - 1, &[], |_| {}).der(),
    );
    put(
        "begins-in-2090",
        sub.list(NUMBER + 1, &[], |params| {
            params.this_update = date_time_ymd(2090, 1, 1)
        })
        .der(),
    );
    let same_name = Ca::new("sub", None);
    put(
        "same-name-another-key",
        same_name.list(NUMBER + 1, &[], |_| {}).der(),
    );
    let point = CrlIssuingDistributionPoint {
        distribution_point: CrlDistributionPoint {
            uris: vec!["http://crl.example/1".to_owned()],
        },
        scope: Some(CrlScope::UserCertsOnly),
    };
    let scoped = stranger.list(2, &[1], |params| {
        params.issuing_distribution_point = Some(point.clone())
    });
    put("good-with-a-distribution-point", scoped.der());
    let flip = |at: usize| {
        let mut bytes = der.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    put("signature-flipped", &flip(der.len() - 1));
    put("entry-flipped", &flip(der.len() / 2));
    put("cut", &der[..der.len() / 2]);
    put("empty", b"");
    put("empty-sequence", &[0x30, 0]);
    // RUSTSEC-2026-0104: an empty bit string where an issuing distribution point names reasons.
    put(
        "reasons-of-an-empty-bit-string",
        &[
            0x30, 0x0a, 0x30, 0x08, 0xa0, 0x06, 0x30, 0x04, 0x83, 0x02, 0x03, 0x00,
        ],
    );
    put(
        "length-of-4-gb",
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30],
    );
    put("indefinite-length", &[0x30, 0x80, 0x30, 0x80, 0, 0, 0, 0]);
    put(
        "pem-without-list",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    );
    put("pem-without-end", b"-----BEGIN X509 CRL-----\nMIIB");
    put("certificate", sub.pem.as_bytes());
    put("html", b"<html><body>404 Not Found</body></html>");
}
