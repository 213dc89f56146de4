//! From a leaf to a trust anchor (RFC 5280, section 6), by rustls-webpki and by
//! [`profile`](super::profile).

use std::cell::Cell;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, VerifiedPath};
use x509_cert::der::oid::AssociatedOid;

use super::anchors::{Anchor, Anchors};
use super::authority::{Authority, ExtendedKeyUsage};
use super::decoded::Decoded;
use super::revocation::{CrlMode, IssuerKey};
use super::{CertificateError, profile};

/// A chain that is good.
pub(super) struct Verified {
    /// SHA-256 of the leaf's issuer.
    pub(super) issuer_thumbprint: [u8; 32],
    /// The end of the first of its certificates and revocation lists, since 1970.
    pub(super) until: Duration,
}

impl ExtendedKeyUsageValidator for ExtendedKeyUsage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        match self {
            Self::Any => Ok(()),
            // For issuers too the extension may be absent; that the leaf has it is checked below.
            Self::ClientAuth | Self::ClientAuthIfPresent => {
                KeyUsage::client_auth().validate(purposes)
            }
        }
    }
}

impl Authority {
    /// Verifies a chain at a time.
    pub(super) fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        leaf: &Decoded,
        now: UnixTime,
    ) -> Result<Verified, CertificateError> {
        let anchors = self.trust.current();
        if anchors.trust.is_empty() {
            return Err(CertificateError::NoAnchors);
        }
        let (first, presented) = chain.split_first().ok_or(CertificateError::Malformed)?;
        let intermediates: Vec<CertificateDer<'_>> = presented
            .iter()
            .chain(&self.intermediates)
            .cloned()
            .collect();
        let end_entity = EndEntityCert::try_from(first).map_err(reason)?;
        // webpki tries other paths after an error from here, and keeps only its own errors.
        let (ours, good) = (Cell::new(None), Cell::new(None));
        let check = |path: &VerifiedPath<'_>| match self.check_path(path, leaf, now, &anchors) {
            Ok(verified) => {
                good.set(Some(verified));
                Ok(())
            }
            Err(error) => {
                ours.set(Some(error));
                Err(webpki::Error::CertDistrusted)
            }
        };
        let built = end_entity.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors.trust,
            &intermediates,
            now,
            self.extended_key_usage,
            None,
            Some(&check),
        );
        match (built, good.take(), ours.get()) {
            (Ok(_), Some(verified), _) => Ok(verified),
            (_, _, Some(error)) => Err(error),
            (Err(error), ..) => Err(explain(reason(error), &intermediates)),
            (Ok(_), None, None) => Err(CertificateError::Untrusted),
        }
    }

    fn check_path(
        &self,
        path: &VerifiedPath<'_>,
        leaf: &Decoded,
        now: UnixTime,
        anchors: &Anchors,
    ) -> Result<Verified, CertificateError> {
        let ders: Vec<_> = path
            .intermediate_certificates()
            .map(webpki::Cert::der)
            .collect();
        let issuers: Vec<Decoded> = ders.iter().map(Decoded::read).collect::<Result<_, _>>()?;
        if issuers.len() + 2 > self.max_chain_length {
            return Err(CertificateError::PathLength);
        }
        self.check_leaf(leaf)?;
        profile::check_policy_constraints(leaf)?;
        for issuer in &issuers {
            profile::check_authority(issuer)?;
            profile::check_policy_constraints(issuer)?;
            // Key rollover, where a list may be signed by another key than the certificate: section
            // 6.3.3 asks for a path of its own for that key, which webpki does not build.
            if issuer.is_self_issued() {
                return Err(CertificateError::SelfIssued);
            }
        }
        let anchor = self.anchor(path, issuers.len(), now, anchors)?;
        let keys = keys(path, &issuers, anchor)?;
        // Before the status, so that the lists are fetched that this chain needs.
        self.learn(leaf, &issuers, &keys);
        let status_ends = self.check_status(leaf, &issuers, &keys, now)?;
        let issuer_thumbprint = ders
            .first()
            .map_or(anchor.thumbprint, |der| Sha256::digest(der).into());
        let certificates = issuers.iter().chain([leaf, &anchor.decoded]);
        let ends = certificates.map(|it| it.validity().1);
        Ok(Verified {
            issuer_thumbprint,
            until: ends.chain([status_ends]).min().unwrap_or_default(),
        })
    }

    fn check_leaf(&self, leaf: &Decoded) -> Result<(), CertificateError> {
        profile::check_leaf(leaf)?;
        let usage = x509_cert::ext::pkix::ExtendedKeyUsage::OID;
        let has_usage = leaf.extensions().iter().any(|it| it.extn_id == usage);
        match self.extended_key_usage == ExtendedKeyUsage::ClientAuth && !has_usage {
            true => Err(CertificateError::ExtendedKeyUsage),
            false => Ok(()),
        }
    }

    /// The anchor of a path. webpki looks at its name, key and name constraints only.
    fn anchor<'a>(
        &self,
        path: &VerifiedPath<'_>,
        intermediates: usize,
        now: UnixTime,
        anchors: &'a Anchors,
    ) -> Result<&'a Anchor, CertificateError> {
        let same = |trust: &rustls_pki_types::TrustAnchor<'_>| {
            trust.subject == path.anchor().subject
                && trust.subject_public_key_info == path.anchor().subject_public_key_info
        };
        let all = anchors.trust.iter().zip(&anchors.certificates);
        let mut refused = CertificateError::Untrusted;
        for (_, anchor) in all.filter(|(trust, _)| same(trust)) {
            match self.check_anchor(&anchor.decoded, intermediates, now) {
                Ok(()) => return Ok(anchor),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn check_anchor(
        &self,
        anchor: &Decoded,
        intermediates: usize,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let (not_before, not_after) = anchor.validity();
        if now.as_secs() > not_after.as_secs() {
            return Err(CertificateError::Expired);
        }
        if now.as_secs() < not_before.as_secs() {
            return Err(CertificateError::NotYetValid);
        }
        let (_, path_length) = anchor.authority()?;
        if path_length.is_some_and(|most| intermediates > usize::from(most)) {
            return Err(CertificateError::PathLength);
        }
        match anchor.key_usage()? {
            Some(usage) if self.revocation.mode() == CrlMode::Required && !usage.crl_sign() => {
                Err(CertificateError::CrlUntrusted)
            }
            _ => Ok(()),
        }
    }

    /// Where the lists of a verified path are, and whose keys they must be signed with.
    fn learn(&self, leaf: &Decoded, issuers: &[Decoded], keys: &[IssuerKey]) {
        if self.revocation.mode() == CrlMode::Off {
            return;
        }
        for key in keys {
            self.revocation.know_issuer(key.clone());
        }
        for certificate in issuers.iter().chain([leaf]) {
            self.revocation.note_points(&certificate.crl_uris());
        }
    }
}

/// Name and key of each issuer of a path, the anchor included.
fn keys(
    path: &VerifiedPath<'_>,
    issuers: &[Decoded],
    anchor: &Anchor,
) -> Result<Vec<IssuerKey>, CertificateError> {
    let names = path.intermediate_certificates().map(|it| it.subject());
    let names = names.chain([path.anchor().subject.as_ref()]);
    let issuers = issuers.iter().chain([&anchor.decoded]);
    let pairs = names.zip(issuers);
    pairs
        .map(|(name, issuer)| {
            Ok(IssuerKey {
                name: name.to_vec(),
                spki: issuer.spki()?,
            })
        })
        .collect()
}

/// webpki reports constraints that it can't judge as violated.
fn explain(error: CertificateError, issuers: &[CertificateDer<'_>]) -> CertificateError {
    let unsupported =
        |der| Decoded::read(der).is_ok_and(|it| profile::has_unsupported_constraints(&it));
    match error {
        CertificateError::NameConstraints if issuers.iter().any(unsupported) => {
            CertificateError::UnsupportedConstraint
        }
        error => error,
    }
}

pub(super) fn reason(error: webpki::Error) -> CertificateError {
    use webpki::Error;
    match error {
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => CertificateError::Malformed,
        Error::CaUsedAsEndEntity => CertificateError::CaAsLeaf,
        Error::CertExpired { .. } => CertificateError::Expired,
        Error::CertNotValidYet { .. } => CertificateError::NotYetValid,
        Error::EmptyEkuExtension | Error::RequiredEkuNotFoundContext(_) => {
            CertificateError::ExtendedKeyUsage
        }
        Error::EndEntityUsedAsCa => CertificateError::IssuerNotCa,
        Error::ExtensionValueInvalid
        | Error::InvalidCertValidity
        | Error::InvalidSerialNumber
        | Error::InvalidNetworkMaskConstraint
        | Error::MalformedExtensions
        | Error::MalformedDnsIdentifier
        | Error::MalformedNameConstraint
        | Error::SignatureAlgorithmMismatch
        | Error::UnsupportedCertVersion => CertificateError::Profile,
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded
        | Error::PathLenConstraintViolated => CertificateError::PathLength,
        Error::NameConstraintViolation => CertificateError::NameConstraints,
        Error::UnknownRevocationStatus => CertificateError::RevocationUnknown,
        Error::UnsupportedCriticalExtension => CertificateError::UnsupportedExtension,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => CertificateError::Algorithm,
        _ => CertificateError::Untrusted,
    }
}

#[cfg(test)]
mod tests;
