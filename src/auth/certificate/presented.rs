//! What Envoy says of the client certificate of a connection.

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};

use super::CertificateError;
use super::decoded::Decoded;
use super::xfcc::{self, MAX_HEADER_BYTES};
use crate::auth::described::{Described, bounded};

/// Largest certificate that is looked at, in bytes.
pub(super) const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// The header of a check and the certificate of its connection, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct PresentedCertificate<'a> {
    header: Option<&'a [u8]>,
    is_repeated: bool,
    /// `source.certificate`: the leaf, as URL-encoded PEM. Empty without one.
    peer: &'a str,
}

/// The same, owned.
#[derive(Clone)]
pub struct KeptCertificate {
    header: Option<Vec<u8>>,
    peer: String,
}

impl KeptCertificate {
    /// What was presented elsewhere: the header, and the certificate of the connection, which may be empty.
    pub const fn new(header: Option<Vec<u8>>, peer: String) -> Self {
        Self { header, peer }
    }

    /// `x-forwarded-client-cert`.
    pub fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    /// The certificate of the connection; empty without one.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// What was presented.
    pub fn as_presented(&self) -> PresentedCertificate<'_> {
        PresentedCertificate {
            header: self.header.as_deref(),
            is_repeated: false,
            peer: &self.peer,
        }
    }
}

impl<'a> PresentedCertificate<'a> {
    /// The certificate of the connection, which may be empty.
    pub fn new(peer: &'a str) -> Self {
        Self {
            peer,
            ..Self::default()
        }
    }

    /// Notes an `x-forwarded-client-cert` header.
    pub fn add(&mut self, header: &'a [u8]) {
        self.is_repeated |= self.header.replace(header).is_some();
    }

    /// Keeps what was accepted: a repeated header never is.
    pub fn keep(&self) -> KeptCertificate {
        KeptCertificate {
            header: self.header.map(<[u8]>::to_vec),
            peer: self.peer.to_owned(),
        }
    }

    /// Whether there is any.
    pub fn is_there(&self) -> bool {
        self.header.is_some() || !self.peer.is_empty()
    }

    /// What a verdict is remembered by: a hash over everything that was presented.
    pub(super) fn fingerprint(&self) -> Result<[u8; 32], CertificateError> {
        if self.is_repeated {
            return Err(CertificateError::Malformed);
        }
        let header = self.header.unwrap_or_default();
        if header.len() > MAX_HEADER_BYTES || self.peer.len() > MAX_HEADER_BYTES {
            return Err(CertificateError::TooLarge);
        }
        let mut hash = Sha256::new();
        // An empty header can't be read; an absent one is not an error.
        hash.update([u8::from(self.header.is_some())]);
        hash.update(header.len().to_be_bytes());
        hash.update(header);
        hash.update(self.peer.as_bytes());
        Ok(hash.finalize().into())
    }

    /// What the certificate of the connection says of itself. Whoever has it has its key, and may have issued it
    /// to themselves.
    pub fn described(&self) -> Described {
        let leaf = xfcc::certificates(self.peer).ok();
        let leaf = leaf.as_deref().and_then(<[_]>::first);
        let small = leaf.filter(|der| der.len() <= MAX_CERTIFICATE_BYTES);
        match small.and_then(|der| Decoded::read(der).ok()) {
            Some(leaf) => Described {
                subject: Some(bounded(&leaf.subject().to_string())),
                serial: Some(bounded(&hex::encode(leaf.serial()))),
                ..Described::default()
            },
            None => Described::default(),
        }
    }

    /// The chain, leaf first.
    ///
    /// The certificate of the connection must be there: without one the header is somebody's claim,
    /// as it is on a listener without TLS, where Envoy does not sanitise it. The chain in the header
    /// must begin with it.
    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        if self.peer.is_empty() {
            return Err(CertificateError::Disagrees);
        }
        let peer = xfcc::certificates(self.peer)?;
        let [leaf] = peer.as_slice() else {
            return Err(CertificateError::Malformed);
        };
        let chain = match self.header {
            None => vec![leaf.clone()],
            Some(header) => {
                let element = xfcc::parse(header)?;
                let hash: [u8; 32] = Sha256::digest(leaf).into();
                let is_same = element.chain.first() == Some(leaf);
                if !is_same || element.hash.is_some_and(|given| given != hash) {
                    return Err(CertificateError::Disagrees);
                }
                element.chain
            }
        };
        match chain.iter().any(|der| der.len() > MAX_CERTIFICATE_BYTES) {
            true => Err(CertificateError::TooLarge),
            false => Ok(chain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_has_another_fingerprint() {
        let with = |header: Option<&'static [u8]>, peer: &'static str| {
            let mut presented = PresentedCertificate::new(peer);
            if let Some(header) = header {
                presented.add(header);
            }
            presented.fingerprint().expect("small")
        };
        let all = [
            with(None, "ab"),
            with(Some(b""), "ab"),
            with(Some(b"a"), "b"),
            with(Some(b"ab"), ""),
            with(None, "abc"),
        ];
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                assert_ne!(one, other, "two presentations share a verdict");
            }
        }
    }
}
