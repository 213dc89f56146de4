//! One revocation list: how it compares with others, and whose it is.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_cert::der::asn1::{AnyRef, BitStringRef};
use x509_cert::der::{Decode, Error, Reader, SliceReader};

use super::CrlError;
use super::parse::{Fields, Number, parse};

/// Clocks differ: a list may begin this much in the future.
const LEEWAY: Duration = Duration::from_secs(300);

/// Keys that are remembered to have not signed a list. A name has few keys.
const MAX_OTHERS: usize = 16;

/// A parsed list.
#[derive(Debug)]
pub(in super::super) struct List {
    pub(super) fields: Fields,
    /// The key that is known to have signed it.
    signer: OnceLock<Vec<u8>>,
    /// SHA-256 of keys that have not: a large list is not verified again and again.
    others: Mutex<Vec<[u8; 32]>>,
}

impl List {
    /// Reads every list of a PEM file, or the one of a DER file.
    pub(super) fn read_all(bytes: &[u8], now: Duration) -> Result<Vec<Self>, CrlError> {
        if !bytes.starts_with(b"-----BEGIN") {
            return Self::read(bytes, now).map(|list| vec![list]);
        }
        let malformed = |error: &dyn std::fmt::Debug| CrlError::Malformed(format!("{error:?}"));
        let mut lists = Vec::new();
        for der in CertificateRevocationListDer::pem_slice_iter(bytes) {
            lists.push(Self::read(&der.map_err(|error| malformed(&error))?, now)?);
        }
        match lists.is_empty() {
            true => Err(CrlError::Malformed("no X509 CRL in this PEM".to_owned())),
            false => Ok(lists),
        }
    }

    fn read(der: &[u8], now: Duration) -> Result<Self, CrlError> {
        let fields = parse(der)?;
        if fields.this_update > now + LEEWAY {
            return Err(CrlError::NotYetValid);
        }
        Ok(Self {
            fields,
            signer: OnceLock::new(),
            others: Mutex::default(),
        })
    }

    /// Whether it only adds to a complete list (RFC 5280, section 5.2.4).
    pub(super) fn is_delta(&self) -> bool {
        self.fields.base.is_some()
    }

    /// The bytes of its issuer's name.
    pub(super) fn issuer(&self) -> &[u8] {
        &self.fields.issuer
    }

    /// The time until which it is good, since 1970.
    pub(in super::super) fn next_update(&self) -> Duration {
        self.fields.next_update
    }

    /// Whether it has not expired.
    pub(super) fn is_current(&self, now: Duration) -> bool {
        now < self.fields.next_update
    }

    /// Whether it is of the same kind, issuer, key and scope as another one.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        self.is_delta() == other.is_delta() && self.is_beside(other)
    }

    /// Whether it is of the same issuer, key and scope as another one.
    fn is_beside(&self, other: &Self) -> bool {
        self.fields.issuer == other.fields.issuer
            && self.fields.scope == other.fields.scope
            && self.fields.key_identifier == other.fields.key_identifier
    }

    /// Whether another list has made it useless.
    pub(super) fn is_superseded_by(&self, other: &Self) -> bool {
        match (self.is_delta(), other.is_delta()) {
            (true, false) => self.is_beside(other) && self.is_contained_in(other),
            (false, true) => false,
            _ => other.replaces(self) && self.is_older_than(other),
        }
    }

    /// Order by number, then by time: a list that is put back must not undo a revocation.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        self.age() < other.age()
    }

    /// Whether another list is newer in every respect. A CA that was restored from a backup numbers its lists
    /// anew: then neither number nor time says alone which one it means.
    pub(super) fn is_outdone_by(&self, other: &Self) -> bool {
        self.fields.number <= other.fields.number
            && self.fields.this_update <= other.fields.this_update
            && self.age() != other.age()
    }

    /// What lists are ordered by: the greater, the newer.
    pub(super) fn age(&self) -> (&Number, Duration) {
        (&self.fields.number, self.fields.this_update)
    }

    /// Whether a delta says nothing that a complete list of its scope does not: that one is of the same
    /// number or a greater.
    pub(super) fn is_contained_in(&self, complete: &Self) -> bool {
        self.fields.number <= complete.fields.number
    }

    /// Whether the key of this subjectPublicKeyInfo has signed it.
    pub(super) fn is_signed_by(&self, spki: &[u8]) -> bool {
        if let Some(signer) = self.signer.get() {
            return signer == spki;
        }
        let key: [u8; 32] = Sha256::digest(spki).into();
        // A thread that panicked has left nothing half done here.
        let others = || self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if others().contains(&key) {
            return false;
        }
        let is_signed = self.has_signature_of(spki);
        if is_signed {
            let _ = self.signer.set(spki.to_vec());
        } else {
            let mut others = others();
            others.truncate(MAX_OTHERS - 1);
            others.insert(0, key);
        }
        is_signed
    }

    fn has_signature_of(&self, spki: &[u8]) -> bool {
        let Some((algorithm, key)) = key_of(spki) else {
            return false;
        };
        let signed = &self.fields.signed;
        webpki::ALL_VERIFICATION_ALGS.iter().any(|known| {
            known.public_key_alg_id().as_ref() == algorithm
                && known.signature_alg_id().as_ref() == signed.algorithm
                && known
                    .verify_signature(key, &signed.data, &signed.signature)
                    .is_ok()
        })
    }
}

/// Algorithm and key of a subjectPublicKeyInfo.
fn key_of(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let fields = SliceReader::new(spki).ok()?.sequence(|fields| {
        let algorithm = AnyRef::decode(fields)?.value();
        Ok::<_, Error>((algorithm, BitStringRef::decode(fields)?))
    });
    let (algorithm, key) = fields.ok()?;
    Some((algorithm, key.as_bytes()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = List::read_all(&bytes, Duration::ZERO);
            let _ = key_of(&bytes);
        }
    }
}
