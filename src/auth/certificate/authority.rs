//! An authority: whose certificates are trusted, and under which conditions.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor};
use sha2::{Digest, Sha256};

use super::decoded::Decoded;
use super::revocation::Revocation;
use super::{CertificateError, profile};

/// What a leaf's extended key usage must say (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtendedKeyUsage {
    /// It is there and has clientAuth.
    #[default]
    ClientAuth,
    /// If it is there, it has clientAuth.
    ClientAuthIfPresent,
    /// Whatever it says.
    Any,
}

/// Why a certificate can't be an anchor or an intermediate of an authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// It can't be read or breaks a rule that the certificates of authorities follow.
    #[error("a certificate of this authority can't be used: {0}")]
    Certificate(#[from] CertificateError),
}

/// A trust anchor with what webpki does not keep of it.
pub(super) struct Anchor {
    pub(super) decoded: Decoded,
    pub(super) thumbprint: [u8; 32],
}

/// A configured authority.
pub struct Authority {
    /// Its name in the configuration and in metrics.
    pub name: Arc<str>,
    pub(super) trust: Vec<TrustAnchor<'static>>,
    /// In the order of `trust`.
    pub(super) anchors: Vec<Anchor>,
    pub(super) intermediates: Vec<CertificateDer<'static>>,
    pub(super) extended_key_usage: ExtendedKeyUsage,
    /// Most certificates from the leaf to the anchor, both counted.
    pub(super) max_chain_length: usize,
    pub(super) revocation: Arc<Revocation>,
    /// The end of the anchor or intermediate that ends first, since 1970.
    pub(super) not_after: Duration,
}

impl Authority {
    /// Puts an authority together.
    ///
    /// # Errors
    /// [`AuthorityError`] for a certificate that can't be an authority's.
    pub fn new(
        name: Arc<str>,
        anchors: &[CertificateDer<'static>],
        intermediates: Vec<CertificateDer<'static>>,
        conditions: (ExtendedKeyUsage, usize),
        revocation: Revocation,
    ) -> Result<Self, AuthorityError> {
        let mut this = Self {
            name,
            trust: Vec::new(),
            anchors: Vec::new(),
            intermediates: Vec::new(),
            extended_key_usage: conditions.0,
            max_chain_length: conditions.1,
            revocation: Arc::new(revocation),
            not_after: Duration::MAX,
        };
        for der in anchors {
            let trust = webpki::anchor_from_trusted_cert(der)
                .map_err(|_| CertificateError::Malformed)?
                .to_owned();
            let decoded = this.admit(der)?;
            this.revocation
                .know_issuer(trust.subject.as_ref(), decoded.spki()?);
            this.trust.push(trust);
            this.anchors.push(Anchor {
                decoded,
                thumbprint: Sha256::digest(der).into(),
            });
        }
        for der in &intermediates {
            let decoded = this.admit(der)?;
            this.revocation.note_points(&decoded.crl_uris());
        }
        this.intermediates = intermediates;
        Ok(this)
    }

    /// Its lists.
    pub fn revocation(&self) -> &Arc<Revocation> {
        &self.revocation
    }

    fn admit(&mut self, der: &CertificateDer<'_>) -> Result<Decoded, CertificateError> {
        let decoded = Decoded::read(der)?;
        profile::check_authority(&decoded)?;
        self.not_after = self.not_after.min(decoded.validity().1);
        Ok(decoded)
    }
}
