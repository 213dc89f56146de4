//! One revocation list: what webpki needs of it, and what it does not check.

use std::time::Duration;

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_cert::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Error, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlNumber};
use x509_cert::time::Time;

/// `crlExtensions` (RFC 5280, section 5.1): [0], with a sequence in it.
const EXTENSIONS: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(0),
};
/// Clocks differ: a list may begin this much in the future.
const LEEWAY: Duration = Duration::from_secs(300);

/// Why a revocation list is rejected.
#[derive(Debug, thiserror::Error)]
pub enum CrlError {
    /// Not a list, in the parser's words.
    #[error("it is not a revocation list: {0}")]
    Malformed(String),
    /// A delta, indirect or reason-split list, or a critical extension: it would have to be understood.
    #[error("a list of this kind is not supported: {0}")]
    Unsupported(String),
    /// It is not valid yet.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Older than the current list.
    #[error("it is older than the current list")]
    Older,
    /// No issuer of its name has signed it.
    #[error("it is not signed with its issuer's key")]
    Signature,
    /// The source failed.
    #[error("it can't be fetched: {0}")]
    Unavailable(String),
}

/// A parsed list.
#[derive(Debug)]
pub(in super::super) struct List {
    pub(in super::super) revoked: CertRevocationList<'static>,
    /// The time when it was made, since 1970.
    pub(super) this_update: Duration,
    /// The time until which it is good.
    pub(in super::super) next_update: Duration,
    /// `cRLNumber`, leading zeros stripped: longer is greater.
    number: Vec<u8>,
    /// Which of the issuer's keys is said to have signed it: tells authorities of one name apart.
    key_identifier: Vec<u8>,
    signed: Signed,
}

#[derive(Debug)]
struct Signed {
    data: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
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
        let revoked = OwnedCertRevocationList::from_der(der).map_err(|error| match error {
            webpki::Error::UnsupportedDeltaCrl
            | webpki::Error::UnsupportedIndirectCrl
            | webpki::Error::UnsupportedRevocationReasonsPartitioning
            | webpki::Error::UnsupportedCrlIssuingDistributionPoint
            | webpki::Error::UnsupportedCriticalExtension
            | webpki::Error::UnsupportedCrlVersion => CrlError::Unsupported(format!("{error:?}")),
            error => CrlError::Malformed(format!("{error:?}")),
        })?;
        let fields = fields(der).ok_or_else(|| CrlError::Malformed("bad DER".to_owned()))?;
        if fields.this_update > now + LEEWAY {
            return Err(CrlError::NotYetValid);
        }
        Ok(Self {
            revoked: revoked.into(),
            this_update: fields.this_update,
            next_update: fields.next_update,
            number: fields.number,
            key_identifier: fields.key_identifier,
            signed: fields.signed,
        })
    }

    /// Whether it is of the same issuer, key and scope as another one.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        self.has_scope_of(other) && self.key_identifier == other.key_identifier
    }

    /// Whether it is of the same name and scope as another one, by whichever key.
    pub(super) fn has_scope_of(&self, other: &Self) -> bool {
        self.revoked.issuer() == other.revoked.issuer()
            && self.revoked.issuing_distribution_point()
                == other.revoked.issuing_distribution_point()
    }

    /// Order by number, then by time: a list that is put back must not undo a revocation.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.number.len(), it.number.clone(), it.this_update);
        key(self) < key(other)
    }

    /// Whether the key of this subjectPublicKeyInfo has signed it.
    pub(super) fn is_signed_by(&self, spki: &[u8]) -> bool {
        let Some((algorithm, key)) = key_of(spki) else {
            return false;
        };
        webpki::ALL_VERIFICATION_ALGS.iter().any(|known| {
            known.public_key_alg_id().as_ref() == algorithm
                && known.signature_alg_id().as_ref() == self.signed.algorithm
                && known
                    .verify_signature(key, &self.signed.data, &self.signed.signature)
                    .is_ok()
        })
    }
}

struct Fields {
    this_update: Duration,
    next_update: Duration,
    number: Vec<u8>,
    key_identifier: Vec<u8>,
    signed: Signed,
}

/// `CertificateList` (RFC 5280, section 5.1), which webpki has accepted, without its entries.
fn fields(der: &[u8]) -> Option<Fields> {
    let list = SliceReader::new(der).ok()?.sequence(|list| {
        let tbs = list.tlv_bytes()?;
        let algorithm = AnyRef::decode(list)?.value();
        Ok::<_, Error>((tbs, algorithm, BitStringRef::decode(list)?))
    });
    let (data, algorithm, signature) = list.ok()?;
    let tbs = SliceReader::new(data).ok()?.sequence(|tbs| {
        let (_version, _algorithm) = (AnyRef::decode(tbs)?, AnyRef::decode(tbs)?);
        let _issuer = AnyRef::decode(tbs)?;
        let (this_update, next_update) = (Time::decode(tbs)?, Time::decode(tbs)?);
        let (mut number, mut key_identifier) = (Vec::new(), Vec::new());
        while !tbs.is_finished() {
            let next = AnyRef::decode(tbs)?;
            if next.tag() == EXTENSIONS {
                number = crl_number(next.value())?;
                let identifier = extension(next.value(), AuthorityKeyIdentifier::OID)?;
                key_identifier = identifier.unwrap_or_default().to_vec();
            }
        }
        Ok::<_, Error>((this_update, next_update, number, key_identifier))
    });
    let (this_update, next_update, number, key_identifier) = tbs.ok()?;
    Some(Fields {
        this_update: this_update.to_unix_duration(),
        next_update: next_update.to_unix_duration(),
        number,
        key_identifier,
        signed: Signed {
            data: data.to_vec(),
            algorithm: algorithm.to_vec(),
            signature: signature.as_bytes()?.to_vec(),
        },
    })
}

/// The number; empty where there is none, or it is zero.
fn crl_number(extensions: &[u8]) -> Result<Vec<u8>, Error> {
    let Some(number) = extension(extensions, CrlNumber::OID)? else {
        return Ok(Vec::new());
    };
    let number = UintRef::from_der(number)?.as_bytes();
    Ok(number.strip_prefix(&[0]).unwrap_or(number).to_vec())
}

/// The value of an extension. The identifiers of others are not decoded: some are of more digits than
/// `ObjectIdentifier` has room for.
fn extension(extensions: &[u8], wanted: ObjectIdentifier) -> Result<Option<&[u8]>, Error> {
    SliceReader::new(extensions)?.sequence(|extensions| {
        let mut found = None;
        while !extensions.is_finished() {
            let (identifier, value) = extensions.sequence(|fields| {
                let identifier = AnyRef::decode(fields)?;
                let _critical = Option::<bool>::decode(fields)?;
                let value = AnyRef::decode(fields)?;
                value.tag().assert_eq(Tag::OctetString)?;
                Ok::<_, Error>((identifier.value(), value.value()))
            })?;
            if identifier == wanted.as_bytes() {
                found = found.or(Some(value));
            }
        }
        Ok(found)
    })
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
            let _ = fields(&bytes);
            let _ = crl_number(&bytes);
            let _ = key_of(&bytes);
        }
    }
}
