//! Chains and lists for the tests, made by rcgen.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::decoded::Decoded;
use super::revocation::IssuerKey;
use super::{
    Authority, CertificateError, Certificates, CrlError, CrlMode, CrlSource, ExtendedKeyUsage,
    Revocation,
};
pub(super) use list::ListParams;

pub(super) mod list;

/// A time at which all that is made here is valid: 1 January 2030.
pub(super) const NOW: Duration = Duration::from_secs(1_893_456_000);

/// The name that leaves have.
pub(super) const URI: &str = "spiffe://acme/factory/7";

/// An issuer with its certificate.
pub(super) struct Ca {
    pub(super) der: CertificateDer<'static>,
    params: CertificateParams,
    key: KeyPair,
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
        let key = new_key();
        let der = params.self_signed(&key).expect("signed").der().clone();
        Self { der, params, key }
    }

    pub(super) fn intermediate(&self, params: CertificateParams) -> Self {
        let key = new_key();
        let der = self.sign(&params, &key);
        Self { der, params, key }
    }

    pub(super) fn leaf(&self, params: &CertificateParams) -> CertificateDer<'static> {
        self.sign(params, &new_key())
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        let signed = params.signed_by(key, &issuer).expect("signed");
        signed.der().clone()
    }

    /// A list of these serial numbers, by its own number, until the end of a year.
    pub(super) fn crl(&self, number: u64, revoked: &[u64], last_year: u16) -> Vec<u8> {
        self.list(&ListParams {
            last_year,
            ..ListParams::of(number, revoked)
        })
    }

    /// What its lists are told apart by.
    pub(super) fn issuer_key(&self) -> IssuerKey {
        let anchor = webpki::anchor_from_trusted_cert(&self.der).expect("good");
        let decoded = Decoded::read(&self.der).expect("good");
        IssuerKey {
            name: anchor.subject.to_vec(),
            spki: decoded.spki().expect("good"),
        }
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// The verdict about a chain, leaf first.
pub(super) fn verify(
    authority: &Authority,
    chain: &[CertificateDer<'static>],
) -> Result<(), CertificateError> {
    verify_at(authority, chain, NOW)
}

/// The verdict at another time.
pub(super) fn verify_at(
    authority: &Authority,
    chain: &[CertificateDer<'static>],
    now: Duration,
) -> Result<(), CertificateError> {
    let leaf = Decoded::read(&chain[0])?;
    let verified = authority.verify(chain, &leaf, UnixTime::since_unix_epoch(now));
    verified.map(|_| ())
}

/// Every order of a few things.
pub(super) fn orders<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = all.split_first() else {
        return vec![Vec::new()];
    };
    let insert = |order: Vec<T>| {
        (0..=order.len()).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, first.clone());
            longer
        })
    };
    orders(rest).into_iter().flat_map(insert).collect()
}

/// A certificate in PEM.
pub(super) fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<_> = encoded.as_bytes().chunks(64).collect();
    let body = String::from_utf8_lossy(&lines.join(&b'\n')).into_owned();
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// As Envoy encodes PEM: everything but letters, digits and a few marks.
pub(super) fn url_encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
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
    with_anchors(anchors, usage, length, revocation)
}

/// An authority of several anchors.
pub(super) fn with_anchors(
    anchors: Vec<CertificateDer<'static>>,
    usage: ExtendedKeyUsage,
    max_chain_length: usize,
    revocation: Revocation,
) -> Authority {
    let certificates = Certificates {
        anchors,
        ..Certificates::default()
    };
    Authority::new(
        Arc::from("devices"),
        certificates,
        usage,
        max_chain_length,
        revocation,
    )
    .expect("good")
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
