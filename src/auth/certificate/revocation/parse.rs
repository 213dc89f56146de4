//! `CertificateList` (RFC 5280, section 5.1) → the fields that decide. Nothing is believed yet: whose key
//! has signed them is asked when they are used.

use std::collections::HashMap;
use std::time::Duration;

use x509_cert::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Error, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BaseCrlNumber, CrlNumber, CrlReason, FreshestCrl,
};
use x509_cert::name::RdnSequence;
use x509_cert::time::Time;

use super::CrlError;
use super::scope::{Scope, uris};

/// `crlExtensions`: [0], with a sequence in it.
const EXTENSIONS: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(0),
};
/// x509-cert gives this extension another one's identifier.
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
/// Of an entry of an indirect list.
const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");
/// Section 5.2.3.
const MAX_NUMBER_BYTES: usize = 20;

/// What a list says of a serial number, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// Of a delta: no longer revoked (`removeFromCRL`).
    Removed,
    /// Revoked for now (`certificateHold`).
    Held,
    /// Revoked for good.
    Revoked,
}

/// A number of a list, without leading zeros; none is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(Vec<u8>);

impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What a list says.
#[derive(Debug)]
pub(super) struct Fields {
    /// The bytes of the issuer's name, as webpki gives them: without the outer tag.
    pub(super) issuer: Vec<u8>,
    pub(super) this_update: Duration,
    pub(super) next_update: Duration,
    pub(super) entries: HashMap<Box<[u8]>, Entry>,
    pub(super) number: Number,
    /// Of a delta: the complete lists that it adds to have at least this number.
    pub(super) base: Option<Number>,
    pub(super) key_identifier: Vec<u8>,
    pub(super) scope: Scope,
    /// Where its deltas are (`freshestCRL`).
    pub(super) delta_uris: Vec<String>,
    pub(super) signed: Signed,
}

/// What the signature is over, and the signature.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) data: Vec<u8>,
    pub(super) algorithm: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl From<Error> for CrlError {
    fn from(error: Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Reads a list, from the first byte to the last.
pub(super) fn parse(der: &[u8]) -> Result<Fields, CrlError> {
    let mut reader = SliceReader::new(der)?;
    let (data, algorithm, signature) = reader.sequence(|list| {
        let tbs = list.tlv_bytes()?;
        let algorithm = AnyRef::decode(list)?;
        Ok::<_, Error>((tbs, algorithm, BitStringRef::decode(list)?))
    })?;
    reader.finish()?;
    let signature = signature.as_bytes().unwrap_or_default().to_vec();
    let signed = Signed {
        data: data.to_vec(),
        algorithm: algorithm.value().to_vec(),
        signature,
    };
    SliceReader::new(data)?.sequence(|tbs| parse_signed(tbs, algorithm, signed))
}

/// `TBSCertList`.
fn parse_signed<'a>(
    tbs: &mut SliceReader<'a>,
    outer_algorithm: AnyRef<'a>,
    signed: Signed,
) -> Result<Fields, CrlError> {
    // The version is absent from lists of version 1.
    if AnyRef::decode(tbs)? != AnyRef::new(Tag::Integer, &[1])? {
        return Err(CrlError::Unsupported("not of version 2".to_owned()));
    }
    if AnyRef::decode(tbs)? != outer_algorithm {
        return Err(malformed("two signature algorithms"));
    }
    let issuer = AnyRef::decode(tbs)?;
    let issuer_name: RdnSequence = issuer.decode_as()?;
    let (this_update, next_update) = (Time::decode(tbs)?, Time::decode(tbs)?);
    let (mut entries, mut extensions) = (AnyRef::NULL, AnyRef::NULL);
    while !tbs.is_finished() {
        let next = AnyRef::decode(tbs)?;
        match next.tag() {
            Tag::Sequence if entries.is_null() && extensions.is_null() => entries = next,
            EXTENSIONS if extensions.is_null() => extensions = next,
            _ => return Err(malformed("an unknown field")),
        }
    }
    let mut extensions = match extensions.is_null() {
        true => HashMap::new(),
        false => Extension::read_all(extensions.value())?,
    };
    let mut take = |id: ObjectIdentifier| extensions.remove(id.as_bytes()).map(|it| it.value);
    let base = take(BaseCrlNumber::OID).map(number).transpose()?;
    let number = take(CrlNumber::OID).map(number).transpose()?;
    let key_identifier = take(AuthorityKeyIdentifier::OID).unwrap_or_default();
    let scope = take(ISSUING_DISTRIBUTION_POINT);
    let freshest = take(FreshestCrl::OID).and_then(|it| FreshestCrl::from_der(it).ok());
    refuse_critical(&extensions)?;
    if base.is_some() && number.is_none() {
        return Err(malformed("a delta without a number"));
    }
    Ok(Fields {
        issuer: issuer.value().to_vec(),
        this_update: this_update.to_unix_duration(),
        next_update: next_update.to_unix_duration(),
        entries: read_entries(entries, base.is_some())?,
        number: number.unwrap_or_default(),
        base,
        key_identifier: key_identifier.to_vec(),
        scope: Scope::read(scope, &issuer_name)?,
        delta_uris: freshest.map(|it| uris(&it.0)).unwrap_or_default(),
        signed,
    })
}

/// `revokedCertificates`.
fn read_entries(all: AnyRef<'_>, is_delta: bool) -> Result<HashMap<Box<[u8]>, Entry>, CrlError> {
    let mut entries: HashMap<Box<[u8]>, Entry> = HashMap::new();
    let mut reader = SliceReader::new(all.value())?;
    while !reader.is_finished() {
        let (serial, entry) = reader.sequence(|fields| read_entry(fields, is_delta))?;
        let worst = entries.entry(serial.into()).or_insert(entry);
        *worst = entry.max(*worst);
    }
    Ok(entries)
}

fn read_entry<'a>(
    fields: &mut SliceReader<'a>,
    is_delta: bool,
) -> Result<(&'a [u8], Entry), CrlError> {
    let serial = AnyRef::decode(fields)?;
    serial.tag().assert_eq(Tag::Integer)?;
    let _date = AnyRef::decode(fields)?;
    let mut entry = Entry::Revoked;
    if !fields.is_finished() {
        let extensions = AnyRef::decode(fields)?;
        extensions.tag().assert_eq(Tag::Sequence)?;
        let mut extensions = Extension::read(extensions.value())?;
        if extensions.contains_key(CERTIFICATE_ISSUER.as_bytes()) {
            return Err(CrlError::Unsupported("an indirect list".to_owned()));
        }
        // A reason that is not known is a reason.
        let reason = extensions.remove(CrlReason::OID.as_bytes());
        entry = match reason.map(|it| CrlReason::from_der(it.value)) {
            Some(Ok(CrlReason::CertificateHold)) => Entry::Held,
            // On a complete list, where it may not be, it is an entry like any other.
            Some(Ok(CrlReason::RemoveFromCRL)) if is_delta => Entry::Removed,
            _ => Entry::Revoked,
        };
        refuse_critical(&extensions)?;
    }
    Ok((without_padding(serial.value()), entry))
}

/// A serial number as it is compared: without zeros that DER would not have.
pub(super) fn without_padding(mut serial: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = serial
        && rest.first().is_some_and(|next| next & 0x80 == 0)
    {
        serial = rest;
    }
    serial
}

/// A number of at most 20 octets.
fn number(der: &[u8]) -> Result<Number, CrlError> {
    let bytes = UintRef::from_der(der)?.as_bytes();
    if bytes.len() > MAX_NUMBER_BYTES {
        return Err(malformed("a number of more than 20 octets"));
    }
    Ok(Number(bytes.strip_prefix(&[0]).unwrap_or(bytes).to_vec()))
}

fn malformed(what: &str) -> CrlError {
    CrlError::Malformed(what.to_owned())
}

struct Extension<'a> {
    is_critical: bool,
    value: &'a [u8],
}

impl<'a> Extension<'a> {
    /// `Extensions`, with their outer tag. Identifiers are not decoded: some are of more digits than
    /// `ObjectIdentifier` has room for.
    fn read_all(der: &'a [u8]) -> Result<HashMap<&'a [u8], Self>, CrlError> {
        let mut reader = SliceReader::new(der)?;
        let all = AnyRef::decode(&mut reader)?;
        all.tag().assert_eq(Tag::Sequence)?;
        reader.finish()?;
        Self::read(all.value())
    }

    /// The members of `Extensions`.
    fn read(members: &'a [u8]) -> Result<HashMap<&'a [u8], Self>, CrlError> {
        let mut found = HashMap::new();
        let mut reader = SliceReader::new(members)?;
        while !reader.is_finished() {
            let (identifier, extension) = reader.sequence(|fields| {
                let identifier = AnyRef::decode(fields)?;
                let is_critical = Option::<bool>::decode(fields)?.unwrap_or_default();
                let value = AnyRef::decode(fields)?;
                value.tag().assert_eq(Tag::OctetString)?;
                let value = value.value();
                Ok::<_, Error>((identifier.value(), Self { is_critical, value }))
            })?;
            if found.insert(identifier, extension).is_some() {
                return Err(malformed("an extension occurs twice"));
            }
        }
        Ok(found)
    }
}

/// Section 5.2: a list with a critical extension that is not understood must not be used.
fn refuse_critical(left: &HashMap<&[u8], Extension<'_>>) -> Result<(), CrlError> {
    let Some((identifier, _)) = left.iter().find(|(_, it)| it.is_critical) else {
        return Ok(());
    };
    let name = ObjectIdentifier::from_bytes(identifier)
        .map_or_else(|_| hex::encode(identifier), |it| it.to_string());
    Err(CrlError::Unsupported(format!(
        "the critical extension {name}"
    )))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let _ = Extension::read_all(&bytes);
            let _ = number(&bytes);
            let _ = without_padding(&bytes);
        }
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let of = |bytes: &[u8]| Number(bytes.to_vec());
        assert!(of(&[]) < of(&[1]) && of(&[9]) < of(&[1, 0]) && of(&[1, 0]) < of(&[1, 1]));
    }

    #[test]
    fn padding_of_serial_numbers_does_not_hide_them() {
        for (serial, compared) in [
            (&[7][..], &[7][..]),
            (&[0, 0, 7], &[7]),
            (&[0, 0x80], &[0, 0x80]),
            (&[0], &[0]),
            (&[], &[]),
        ] {
            assert_eq!(without_padding(serial), compared);
        }
    }
}
