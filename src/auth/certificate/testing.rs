//! Chains and lists for the tests, made by rcgen.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls_pki_types::CertificateDer;

use super::{Authority, Certificates, CrlError, CrlMode, CrlSource, ExtendedKeyUsage, Revocation};

/// A time at which all that is made here is valid: 1 January 2030.
pub(super) const NOW: Duration = Duration::from_secs(1_893_456_000);

/// An issuer with its certificate.
pub(super) struct Ca {
    pub(super) der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

pub(super) fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(super) fn leaf_params(uri: &str) -> CertificateParams {
    let mut params = params("device 7");
    params.serial_number = Some(SerialNumber::from(7_u64));
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

/// An extension of any bytes, critical or not.
pub(super) fn extension(oid: &[u64], critical: bool, der: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, der.to_vec());
    extension.set_criticality(critical);
    extension
}

impl Ca {
    pub(super) fn root(params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("signed").der().clone();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    pub(super) fn intermediate(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let der = params
            .signed_by(&key, &self.issuer)
            .expect("signed")
            .der()
            .clone();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    pub(super) fn leaf(&self, params: &CertificateParams) -> CertificateDer<'static> {
        let key = KeyPair::generate().expect("a key");
        params
            .signed_by(&key, &self.issuer)
            .expect("signed")
            .der()
            .clone()
    }

    /// A list of these serial numbers, by its own number, until the end of a year.
    pub(super) fn crl(&self, number: u64, revoked: &[u64], last_year: i32) -> Vec<u8> {
        self.crl_as(KeyIdMethod::Sha256, number, revoked, last_year)
    }

    /// A list that says of its key what one likes.
    pub(super) fn crl_as(
        &self,
        key_identifier: KeyIdMethod,
        number: u64,
        revoked: &[u64],
        last_year: i32,
    ) -> Vec<u8> {
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
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: key_identifier,
        };
        params
            .signed_by(&self.issuer)
            .expect("signed")
            .der()
            .to_vec()
    }
}

/// An authority of one anchor, without revocation.
pub(super) fn authority(root: &Ca, usage: ExtendedKeyUsage, length: usize) -> Authority {
    with_lists(root, usage, length, CrlMode::Off, Vec::new())
}

/// An authority with lists in files.
pub(super) fn with_lists(
    root: &Ca,
    usage: ExtendedKeyUsage,
    length: usize,
    mode: CrlMode,
    lists: Vec<Vec<u8>>,
) -> Authority {
    let anchors = vec![root.der.clone()];
    let revocation = lists_in_files(mode, lists).expect("good lists");
    with_anchors(anchors, (usage, length), revocation)
}

/// An authority of several anchors.
pub(super) fn with_anchors(
    anchors: Vec<CertificateDer<'static>>,
    conditions: (ExtendedKeyUsage, usize),
    revocation: Revocation,
) -> Authority {
    let certificates = Certificates {
        anchors,
        ..Certificates::default()
    };
    Authority::new(Arc::from("devices"), certificates, conditions, revocation).expect("good")
}

/// Lists that are read from files.
pub(super) fn lists_in_files(
    mode: CrlMode,
    lists: Vec<Vec<u8>>,
) -> Result<Revocation, (String, CrlError)> {
    let directory = tempfile::tempdir().expect("a directory");
    let files = lists.into_iter().enumerate().map(|(at, list)| {
        let path = directory.path().join(format!("{at}.crl"));
        std::fs::write(&path, list).expect("written");
        path
    });
    let source = CrlSource {
        mode,
        files: files.collect(),
        urls: Vec::new(),
        distribution_hosts: Vec::new(),
        refresh: Duration::from_secs(60),
    };
    Revocation::new(source)
}
