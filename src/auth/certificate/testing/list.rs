//! Revocation lists that can be whatever a test wants, by x509-cert.

use std::time::Duration;

use rcgen::SigningKey;
use sha2::{Digest, Sha256};
use x509_cert::AlgorithmIdentifier;
use x509_cert::certificate::Version;
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::asn1::{
    BitString, GeneralizedTime, Ia5String, ObjectIdentifier, OctetString, UintRef,
};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{DateTime, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BaseCrlNumber, CrlNumber, CrlReason, FreshestCrl,
};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

use super::super::decoded::Decoded;
use super::Ca;

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
/// 1 February 2024.
const THIS_UPDATE: Duration = Duration::from_secs(1_706_745_600);

/// What a list says.
#[derive(Clone, Debug)]
pub(in super::super) struct ListParams {
    pub(in super::super) number: u64,
    /// Of a delta: the number of the complete list that it adds to.
    pub(in super::super) base: Option<u64>,
    /// It was issued so many seconds later than others.
    pub(in super::super) later_s: u64,
    /// Serial numbers and reasons.
    pub(in super::super) entries: Vec<(u64, Option<CrlReason>)>,
    /// It is good until the end of this year.
    pub(in super::super) last_year: u16,
    pub(in super::super) scope: Option<IssuingDistributionPoint>,
    pub(in super::super) delta_uris: Vec<&'static str>,
    /// By default that of the issuer's key.
    pub(in super::super) key_identifier: Option<Vec<u8>>,
}

impl ListParams {
    /// A complete list of everything that the issuer has issued.
    pub(in super::super) fn of(number: u64, revoked: &[u64]) -> Self {
        Self {
            number,
            base: None,
            later_s: 0,
            entries: revoked.iter().map(|serial| (*serial, None)).collect(),
            last_year: 2040,
            scope: None,
            delta_uris: Vec::new(),
            key_identifier: None,
        }
    }

    /// A delta to the complete list of a number.
    pub(in super::super) fn delta(
        number: u64,
        base: u64,
        entries: &[(u64, Option<CrlReason>)],
    ) -> Self {
        Self {
            base: Some(base),
            entries: entries.to_vec(),
            ..Self::of(number, &[])
        }
    }

    fn extensions(&self, key: &[u8]) -> Vec<Extension> {
        let identifier = Sha256::digest(key).get(..20).map(<[u8]>::to_vec);
        let identifier = self.key_identifier.clone().or(identifier);
        let identifier = AuthorityKeyIdentifier {
            key_identifier: identifier.map(|it| OctetString::new(it).expect("short")),
            ..AuthorityKeyIdentifier::default()
        };
        let mut all = vec![
            extension(AuthorityKeyIdentifier::OID, false, &identifier),
            extension(CrlNumber::OID, false, &uint(&self.number.to_be_bytes())),
        ];
        if let Some(base) = self.base {
            all.push(extension(
                BaseCrlNumber::OID,
                true,
                &uint(&base.to_be_bytes()),
            ));
        }
        if let Some(scope) = &self.scope {
            all.push(extension(ISSUING_DISTRIBUTION_POINT, true, scope));
        }
        if !self.delta_uris.is_empty() {
            let points = FreshestCrl(vec![point_at(&self.delta_uris)]);
            all.push(extension(FreshestCrl::OID, false, &points));
        }
        all
    }
}

fn uint(bytes: &[u8]) -> UintRef<'_> {
    UintRef::new(bytes).expect("short")
}

fn extension(extn_id: ObjectIdentifier, critical: bool, value: &impl Encode) -> Extension {
    let value = value.to_der().expect("encoded");
    Extension {
        extn_id,
        critical,
        extn_value: OctetString::new(value).expect("short"),
    }
}

/// A distribution point with these URIs.
pub(in super::super) fn point_at(uris: &[&str]) -> DistributionPoint {
    DistributionPoint {
        distribution_point: Some(named(uris)),
        reasons: None,
        crl_issuer: None,
    }
}

/// The name of a distribution point.
pub(in super::super) fn named(uris: &[&str]) -> DistributionPointName {
    let uri =
        |uri: &&str| GeneralName::UniformResourceIdentifier(Ia5String::new(*uri).expect("ASCII"));
    DistributionPointName::FullName(uris.iter().map(uri).collect())
}

/// A scope without any restriction.
pub(in super::super) fn everything() -> IssuingDistributionPoint {
    IssuingDistributionPoint {
        distribution_point: None,
        only_contains_user_certs: false,
        only_contains_ca_certs: false,
        only_some_reasons: None,
        indirect_crl: false,
        only_contains_attribute_certs: false,
    }
}

impl Ca {
    /// Signs a list.
    pub(in super::super) fn list(&self, params: &ListParams) -> Vec<u8> {
        let time = |time: DateTime| Time::from(GeneralizedTime::from_date_time(time));
        let this_update =
            DateTime::from_unix_duration(THIS_UPDATE + Duration::from_secs(params.later_s))
                .expect("a time");
        let next_update = DateTime::new(params.last_year, 12, 31, 0, 0, 0).expect("a time");
        let algorithm = AlgorithmIdentifier {
            oid: ECDSA_WITH_SHA256,
            parameters: None,
        };
        let revoked = params.entries.iter().map(|(serial, reason)| RevokedCert {
            serial_number: SerialNumber::from(*serial),
            revocation_date: time(this_update),
            crl_entry_extensions: reason.map(|it| vec![extension(CrlReason::OID, false, &it)]),
        });
        let revoked: Vec<RevokedCert> = revoked.collect();
        let tbs = TbsCertList {
            version: Version::V2,
            signature: algorithm.clone(),
            issuer: Decoded::read(&self.der).expect("good").subject().clone(),
            this_update: time(this_update),
            next_update: Some(time(next_update)),
            revoked_certificates: (!revoked.is_empty()).then_some(revoked),
            crl_extensions: Some(params.extensions(self.key.public_key_raw())),
        };
        let signature = self.key.sign(&tbs.to_der().expect("encoded"));
        let list = CertificateList {
            tbs_cert_list: tbs,
            signature_algorithm: algorithm,
            signature: BitString::from_bytes(&signature.expect("signed")).expect("short"),
        };
        list.to_der().expect("encoded")
    }
}
