//! An authority: whose certificates are trusted, and under which conditions.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use super::anchors::{AnchorSource, TrustStore};
use super::decoded::Decoded;
use super::revocation::Revocation;
use super::seen::AuthorityState;
use super::{AuthorityError, profile};

/// What a leaf's extended key usage must say (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtendedKeyUsage {
    /// It is there and has clientAuth.
    #[default]
    ClientAuth,
    /// If it is there, it has clientAuth.
    ClientAuthIfPresent,
    /// Not checked.
    Any,
}

/// Where the certificates of an authority come from.
#[derive(Default)]
pub struct Certificates {
    /// Trust anchors of files.
    pub anchors: Vec<CertificateDer<'static>>,
    /// Where other trust anchors are fetched from.
    pub sources: Vec<Arc<dyn AnchorSource>>,
    /// Certificates between leaves and anchors, besides those that a caller presents.
    pub intermediates: Vec<CertificateDer<'static>>,
}

/// A configured authority.
pub struct Authority {
    /// Its name in the configuration and in metrics.
    pub name: Arc<str>,
    pub(super) trust: Arc<TrustStore>,
    pub(super) intermediates: Vec<CertificateDer<'static>>,
    pub(super) extended_key_usage: ExtendedKeyUsage,
    /// Most certificates from the leaf to the anchor, both counted.
    pub(super) max_chain_length: usize,
    pub(super) revocation: Arc<Revocation>,
    /// The end of the intermediate that ends first, since 1970.
    intermediates_end: Option<Duration>,
}

impl Authority {
    /// Puts an authority together.
    ///
    /// # Errors
    /// [`AuthorityError`] for a certificate that can't be an authority's.
    pub fn new(
        name: Arc<str>,
        certificates: Certificates,
        extended_key_usage: ExtendedKeyUsage,
        max_chain_length: usize,
        revocation: Revocation,
    ) -> Result<Self, AuthorityError> {
        let revocation = Arc::new(revocation);
        let Certificates {
            anchors,
            sources,
            intermediates,
        } = certificates;
        let mut intermediates_end = None;
        for der in &intermediates {
            let decoded = Decoded::read(der)?;
            profile::check_authority(&decoded)?;
            revocation.note_points(&decoded.crl_uris());
            let end = decoded.validity().1;
            intermediates_end =
                Some(intermediates_end.map_or(end, |other: Duration| other.min(end)));
        }
        Ok(Self {
            name,
            trust: Arc::new(TrustStore::new(anchors, sources, Arc::clone(&revocation))?),
            intermediates,
            extended_key_usage,
            max_chain_length,
            revocation,
            intermediates_end,
        })
    }

    /// Its lists.
    pub fn revocation(&self) -> &Arc<Revocation> {
        &self.revocation
    }

    /// Its trust anchors.
    pub fn trust(&self) -> &Arc<TrustStore> {
        &self.trust
    }

    /// Its certificates as they are held now: who they are, and until when they are valid, since 1970.
    pub fn certificates(&self) -> Vec<(String, Duration)> {
        let shown = |decoded: &Decoded| (decoded.subject().to_string(), decoded.validity().1);
        let anchors = self.trust.current();
        let mut all: Vec<_> = anchors
            .certificates
            .iter()
            .map(|it| shown(&it.decoded))
            .collect();
        let intermediates = self.intermediates.iter().map(Decoded::read);
        all.extend(intermediates.flatten().map(|it| shown(&it)));
        all
    }

    /// Takes over what the authority of this name held under the last configuration.
    pub fn adopt(&self, old: &Self) {
        self.trust.adopt(&old.trust);
        self.revocation.adopt(&old.revocation);
    }

    /// Grows with each change of its lists and anchors.
    pub(super) fn generation(&self) -> u64 {
        let trust = self.trust.generation();
        trust.wrapping_add(self.revocation.generation())
    }

    /// Its state at a time since 1970.
    pub(super) fn state(&self, now: Duration) -> AuthorityState {
        let anchors = self.trust.current();
        let ends = anchors
            .not_after()
            .into_iter()
            .chain(self.intermediates_end);
        let (sources, sources_without_anchors) = self.trust.sources();
        AuthorityState {
            name: Arc::clone(&self.name),
            anchors: anchors.trust.len(),
            sources,
            sources_without_anchors,
            anchor_refreshes: self.trust.refreshes(),
            not_after_unix_s: ends.min().map(|end| end.as_secs()),
            next_update_unix_s: self.revocation.next_update().map(|it| it.as_secs()),
            crl: self.revocation.state(now),
            crl_refreshes: self.revocation.refreshes(),
        }
    }
}
