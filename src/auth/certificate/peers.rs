//! Programs that connect over the network: they have a certificate of an authority, with one of certain names.

use std::time::{Duration, SystemTime};

use rustls_pki_types::{CertificateDer, UnixTime};

use super::authority::Authority;
use super::decoded::Decoded;
use super::presented::MAX_CERTIFICATE_BYTES;
use super::xfcc::MAX_CERTIFICATES;
use super::{CertificateError, names};
use crate::unix_time;

/// Most bytes of a certificate's names that an error repeats.
const MAX_SHOWN_BYTES: usize = 256;

/// Who may connect.
pub struct Peers {
    authority: Authority,
    names: Vec<String>,
}

/// Why a program may not connect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Its certificate is not accepted.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Its certificate is good, and names somebody else.
    #[error("its certificate is for {0:?}, which is not among the names that may connect")]
    Name(String),
    /// Its certificate is good, and names nobody.
    #[error("its certificate has neither a URI nor a DNS name")]
    NoName,
}

impl Peers {
    /// Those who have a certificate of the authority with one of these names: a URI, as of SPIFFE, or a DNS name, to the
    /// letter.
    pub const fn new(authority: Authority, names: Vec<String>) -> Self {
        Self { authority, names }
    }

    /// Whether somebody who presents this chain at a time, leaf first, may connect.
    ///
    /// # Errors
    /// [`PeerError`]
    pub fn check(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<(), PeerError> {
        let leaf = leaf_of(chain)?;
        self.verify(chain, &leaf, unix_time::since_1970(now))?;
        self.check_names(&leaf)
    }

    /// Whether somebody who was let in may go on. The end of a certificate ends no connection that was made before it, as
    /// those of meshes end within the day; nor does a list that is late, which says nothing of it.
    ///
    /// # Errors
    /// [`PeerError`]: its name or its authority is gone, or it is revoked.
    pub fn check_again(
        &self,
        chain: &[CertificateDer<'_>],
        now: SystemTime,
    ) -> Result<(), PeerError> {
        let leaf = leaf_of(chain)?;
        // Before all that time can change: it must not hide that somebody is not meant any more.
        self.check_names(&leaf)?;
        let mut at = unix_time::since_1970(now);
        for certificate in chain {
            at = at.min(Decoded::read(certificate)?.validity().1);
        }
        match self.verify(chain, &leaf, at) {
            Err(CertificateError::RevocationUnknown | CertificateError::CrlExpired) => Ok(()),
            verified => Ok(verified?),
        }
    }

    fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        leaf: &Decoded,
        at: Duration,
    ) -> Result<(), CertificateError> {
        let at = UnixTime::since_unix_epoch(at);
        self.authority.verify(chain, leaf, at).map(drop)
    }

    /// Whether a certificate has one of the names. What has `://` must be a URI there: a DNS name can look like one.
    fn check_names(&self, leaf: &Decoded) -> Result<(), PeerError> {
        let names::AlternativeNames { uri, dns, .. } = names::alternative(leaf)?;
        let is_known = self.names.iter().any(|it| match it.contains("://") {
            true => uri.contains(it),
            false => dns.contains(it),
        });
        if is_known {
            return Ok(());
        }
        match shown([uri, dns].concat()) {
            names if names.is_empty() => Err(PeerError::NoName),
            names => Err(PeerError::Name(names)),
        }
    }

    /// The names of whoever presents a chain, for people; nothing where it can't be read.
    pub fn names_of(chain: &[CertificateDer<'_>]) -> String {
        let names = leaf_of(chain).and_then(|leaf| names::alternative(&leaf));
        names
            .map(|it| shown([it.uri, it.dns].concat()))
            .unwrap_or_default()
    }

    /// Its anchors and lists have to be kept fresh.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Grows with each change of lists and anchors.
    pub fn generation(&self) -> u64 {
        self.authority.generation()
    }

    /// Takes over the lists that were held under the last configuration.
    pub fn adopt(&self, old: &Self) {
        self.authority.adopt(&old.authority);
    }
}

/// Names in a row, as much of them as is repeated.
fn shown(names: Vec<String>) -> String {
    let mut all = names.join(", ");
    all.truncate(all.floor_char_boundary(MAX_SHOWN_BYTES));
    all
}

/// The certificate of whoever presents a chain of a size that is looked at.
fn leaf_of(chain: &[CertificateDer<'_>]) -> Result<Decoded, CertificateError> {
    let is_large = |it: &CertificateDer<'_>| it.len() > MAX_CERTIFICATE_BYTES;
    if chain.len() > MAX_CERTIFICATES || chain.iter().any(is_large) {
        return Err(CertificateError::TooLarge);
    }
    Decoded::read(chain.first().ok_or(CertificateError::Malformed)?)
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Peers").field(&self.names).finish()
    }
}

#[cfg(test)]
mod tests;
