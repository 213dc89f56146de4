//! A private PKI of three levels for the tests of client certificates: by rcgen, which can make
//! whatever is wrong, and by OpenSSL's command line, which our code has nothing in common with.

use std::path::Path;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

/// The SPIFFE id of the client `factory-7`.
pub(crate) const FACTORY: &str = "spiffe://acme/factory/7";
/// The serial number of its certificates.
pub(crate) const SERIAL: u64 = 7;

/// A chain, leaf first, and the leaf's key, all PEM.
#[derive(Clone)]
pub(crate) struct Certified {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// An issuer, with the PEM of its certificate.
pub(crate) struct Ca {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(crate) fn leaf_params(uri: &str) -> CertificateParams {
    let mut params = params("device");
    params.serial_number = Some(SerialNumber::from(SERIAL));
    params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

impl Ca {
    pub(crate) fn root(params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        let issuer = Issuer::new(params, key);
        Self { pem, issuer }
    }

    pub(crate) fn intermediate(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &self.issuer).expect("signed").pem();
        let issuer = Issuer::new(params, key);
        Self { pem, issuer }
    }

    /// A leaf, with the certificates that follow it in its chain.
    pub(crate) fn leaf(&self, params: &CertificateParams, rest: &[&str]) -> Certified {
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Certified {
            chain: leaf + &rest.concat(),
            key: key.serialize_pem(),
        }
    }

    /// A list with these serial numbers, until the end of a year.
    pub(crate) fn crl(&self, number: u64, revoked: &[u64], last_year: i32) -> String {
        self.sign(number, revoked, last_year, None)
    }

    /// The list of those certificates that name an address as their distribution point.
    pub(crate) fn partition(&self, address: &str, number: u64, revoked: &[u64]) -> String {
        let uris = vec![address.to_owned()];
        let point = CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris },
            scope: None,
        };
        self.sign(number, revoked, 2049, Some(point))
    }

    fn sign(
        &self,
        number: u64,
        revoked: &[u64],
        last_year: i32,
        issuing_distribution_point: Option<CrlIssuingDistributionPoint>,
    ) -> String {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 2, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 2, 1),
            next_update: date_time_ymd(last_year, 12, 31),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).expect("signed");
        list.pem().expect("PEM")
    }
}

/// The certificate of nobody but itself.
pub(crate) fn self_signed(params: &CertificateParams) -> Certified {
    let key = KeyPair::generate().expect("a key");
    Certified {
        chain: params.self_signed(&key).expect("signed").pem(),
        key: key.serialize_pem(),
    }
}

/// A PKI made by OpenSSL: `root.pem`, `sub.pem`, `leaf.pem`, `leaf.key`, `root.crl`, `sub.crl`.
pub(crate) fn openssl_pki(directory: &Path, leaf_key: &str) -> Certified {
    let script = format!(
        r#"set -e
cat > ca.cnf <<'END'
[ca]
default_ca = it
[it]
database = index
default_md = sha256
default_crl_days = 3650
crlnumber = number
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[v3_leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = URI:{FACTORY}
authorityKeyIdentifier = keyid
END
[ -e index ] || : > index; [ -e number ] || echo 01 > number
openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 3650 -subj '/O=Acme/CN=root' -config /dev/null -extensions v3_ca -config ca.cnf 2>/dev/null || \
openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 3650 -subj '/O=Acme/CN=root' -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout sub.key -out sub.csr -subj '/O=Acme/CN=sub'
openssl x509 -req -in sub.csr -CA root.pem -CAkey root.key -set_serial 0x1001 -days 3650 -extfile ca.cnf -extensions v3_ca -out sub.pem
openssl req -newkey {leaf_key} -nodes -keyout leaf.key -out leaf.csr -subj '/O=Acme/CN=device'
openssl x509 -req -in leaf.csr -CA sub.pem -CAkey sub.key -set_serial 0x2002 -days 3650 -extfile ca.cnf -extensions v3_leaf -out leaf.pem
openssl ca -gencrl -config ca.cnf -cert root.pem -keyfile root.key -out root.crl
openssl ca -gencrl -config ca.cnf -cert sub.pem -keyfile sub.key -out sub.crl
"#
    );
    shell(directory, &script);
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).expect(name);
    Certified {
        chain: read("leaf.pem") + &read("sub.pem"),
        key: read("leaf.key"),
    }
}

/// Revokes the leaf of [`openssl_pki`], into a new `sub.crl`.
pub(crate) fn openssl_revoke(directory: &Path) {
    let script = "set -e
openssl ca -revoke leaf.pem -config ca.cnf -cert sub.pem -keyfile sub.key
openssl ca -gencrl -config ca.cnf -cert sub.pem -keyfile sub.key -out new.crl
mv new.crl sub.crl";
    shell(directory, script);
}

/// Makes a new `sub.crl` of [`openssl_pki`], whose deltas are at an address, then revokes the leaf on such a
/// delta alone; gives the delta.
pub(crate) fn openssl_delta(directory: &Path, address: &str) -> Vec<u8> {
    let script = format!(
        "set -e
base=$(cat number)
cat >> ca.cnf <<END
[base]
authorityKeyIdentifier = keyid
freshestCRL = URI:{address}
[delta]
authorityKeyIdentifier = keyid
2.5.29.27 = critical,DER:02:01:$base
END
openssl ca -gencrl -config ca.cnf -crlexts base -cert sub.pem -keyfile sub.key -out sub.crl
openssl ca -revoke leaf.pem -config ca.cnf -cert sub.pem -keyfile sub.key
openssl ca -gencrl -config ca.cnf -crlexts delta -cert sub.pem -keyfile sub.key -out delta.crl"
    );
    shell(directory, &script);
    std::fs::read(directory.join("delta.crl")).expect("a delta")
}

fn shell(directory: &Path, script: &str) {
    let run = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .output()
        .expect("sh");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// Sends a request with the leaf of [`openssl_pki`] through OpenSSL's own client, which has fewer
/// scruples about keys than a TLS library of today; gives what comes back.
pub(crate) async fn openssl_ask(directory: &Path, address: &str, request: &str) -> String {
    std::fs::write(directory.join("request"), request).expect("written");
    let script = format!(
        "(cat request; sleep 2) | openssl s_client -connect {address} -cert leaf.pem -key leaf.key \
         -cert_chain sub.pem -cipher 'ALL:@SECLEVEL=0' -quiet 2>/dev/null"
    );
    let run = tokio::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(directory)
        .output()
        .await
        .expect("sh");
    String::from_utf8_lossy(&run.stdout).into_owned()
}
