//! Programs that connect over the network: they have a certificate of an authority, with one of certain names.

use std::time::SystemTime;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::authority::Authority;
use super::decoded::Decoded;
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
}

impl Peers {
    /// Those who have a certificate of the authority with one of these names: a URI, as of SPIFFE, or a DNS name, to the
    /// letter.
    pub const fn new(authority: Authority, names: Vec<String>) -> Self {
        Self { authority, names }
    }

    /// Says which of the names it is that presents this chain at a time, leaf first.
    ///
    /// # Errors
    /// [`PeerError`]
    pub fn check(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<&str, PeerError> {
        if chain.len() > MAX_CERTIFICATES {
            return Err(CertificateError::TooLarge.into());
        }
        let first = chain.first().ok_or(CertificateError::Malformed)?;
        let leaf = Decoded::read(first)?;
        let now = UnixTime::since_unix_epoch(unix_time::since_1970(now));
        self.authority.verify(chain, &leaf, now)?;
        let presented = names::alternative(&leaf)?;
        let mut presented = presented.uri.into_iter().chain(presented.dns);
        let mut all = String::new();
        loop {
            let Some(name) = presented.next() else {
                all.truncate(all.floor_char_boundary(MAX_SHOWN_BYTES));
                return Err(PeerError::Name(all));
            };
            if let Some(known) = self.names.iter().find(|it| **it == name) {
                return Ok(known);
            }
            if !all.is_empty() {
                all.push_str(", ");
            }
            all.push_str(&name);
        }
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

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Peers").field(&self.names).finish()
    }
}
