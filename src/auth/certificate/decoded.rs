//! A certificate's fields, decoded once.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::{BasicConstraints, CrlDistributionPoints, FreshestCrl, KeyUsage};
use x509_cert::name::Name;

use super::CertificateError;
use super::revocation::{Point, uris};

/// A certificate as x509-cert reads it, without its opinion on serial numbers and dates: those are
/// checked, with reasons, in [`profile`](super::profile).
pub(super) struct Decoded(CertificateInner<Raw>);

impl Decoded {
    pub(super) fn read(der: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        CertificateInner::from_der(der.as_ref())
            .map(Self)
            .map_err(|_| CertificateError::Malformed)
    }

    pub(super) fn subject(&self) -> &Name {
        self.0.tbs_certificate().subject()
    }

    pub(super) fn issuer(&self) -> &Name {
        self.0.tbs_certificate().issuer()
    }

    /// Whether subject and issuer are one name (RFC 5280, section 6.1: self-issued).
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject() == self.issuer()
    }

    /// The serial number: big-endian, leading zeros stripped.
    pub(super) fn serial(&self) -> &[u8] {
        self.0.tbs_certificate().serial_number().as_bytes()
    }

    /// The algorithm of the key, its parameters where they are an identifier, and the key.
    pub(super) fn key(&self) -> (ObjectIdentifier, Option<ObjectIdentifier>, &[u8]) {
        let spki = self.0.tbs_certificate().subject_public_key_info();
        let parameters = spki.algorithm.parameters.as_ref();
        let curve = parameters.and_then(|any| any.decode_as().ok());
        (
            spki.algorithm.oid,
            curve,
            spki.subject_public_key.raw_bytes(),
        )
    }

    /// The whole subjectPublicKeyInfo, as DER.
    pub(super) fn spki(&self) -> Result<Vec<u8>, CertificateError> {
        let spki = self.0.tbs_certificate().subject_public_key_info();
        spki.to_der().map_err(|_| CertificateError::Malformed)
    }

    /// From when until when it is valid, in time since 1970.
    pub(super) fn validity(&self) -> (Duration, Duration) {
        let validity = self.0.tbs_certificate().validity();
        (
            validity.not_before.to_unix_duration(),
            validity.not_after.to_unix_duration(),
        )
    }

    pub(super) fn extensions(&self) -> &[Extension] {
        let extensions = self.0.tbs_certificate().extensions();
        extensions.map_or(&[], Vec::as_slice)
    }

    /// An extension and whether it is critical.
    pub(super) fn extension<'a, T: Decode<'a> + AssociatedOid>(
        &'a self,
    ) -> Result<Option<(bool, T)>, CertificateError> {
        let found = self.extensions().iter().find(|it| it.extn_id == T::OID);
        found
            .map(|it| {
                T::from_der(it.extn_value.as_bytes())
                    .map(|value| (it.critical, value))
                    .map_err(|_| CertificateError::Profile)
            })
            .transpose()
    }

    pub(super) fn key_usage(&self) -> Result<Option<KeyUsage>, CertificateError> {
        Ok(self.extension()?.map(|(_, usage)| usage))
    }

    /// Whether it is an authority's (RFC 5280, section 4.2.1.9), and its path length constraint.
    pub(super) fn authority(&self) -> Result<(bool, Option<u8>), CertificateError> {
        let constraints: Option<(bool, BasicConstraints)> = self.extension()?;
        Ok(constraints.map_or((false, None), |(_, it)| (it.ca, it.path_len_constraint)))
    }

    /// Its CRL distribution points (RFC 5280, section 4.2.1.13).
    pub(super) fn crl_points(&self) -> Vec<Point> {
        Point::of(&self.distribution_points(), self.issuer().as_ref())
    }

    /// The URIs of its CRL distribution points, and those of delta lists (section 4.2.1.15).
    pub(super) fn crl_uris(&self) -> Vec<String> {
        let deltas: Option<(bool, FreshestCrl)> = self.extension().ok().flatten();
        let deltas = deltas.map(|(_, points)| points.0).unwrap_or_default();
        let mut all = uris(&self.distribution_points());
        all.extend(uris(&deltas));
        all
    }

    /// None where the extension can't be read: then it names no list.
    fn distribution_points(&self) -> Vec<DistributionPoint> {
        let points: Option<(bool, CrlDistributionPoints)> = self.extension().ok().flatten();
        points.map(|(_, points)| points.0).unwrap_or_default()
    }
}
