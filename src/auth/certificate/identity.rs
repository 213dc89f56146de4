//! Which client a good certificate belongs to.
//!
//! An identity is an authority and fields that must all be equal to the certificate's. Identities
//! are found by their most specific field, so a look-up costs the same however many there are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::decoded::Decoded;
use super::{CertificateError, names};
use crate::access::Client;

/// A field of a certificate with its value; the most specific kinds first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// SHA-256 of the whole certificate.
    ThumbprintSha256([u8; 32]),
    /// SHA-1 of the whole certificate, for migrations: an addition to a verified chain, not a proof.
    ThumbprintSha1([u8; 20]),
    /// A URI of the subject's alternative names, such as a SPIFFE id.
    UriSan(String),
    /// A DNS name of the subject's alternative names.
    DnsSan(String),
    /// An e-mail address of the subject's alternative names.
    EmailSan(String),
    /// The serial number, leading zeros stripped.
    Serial(Vec<u8>),
    /// The subject in the form of RFC 4514.
    Subject(String),
    /// The subject's one common name.
    CommonName(String),
    /// SHA-256 of the issuer's certificate.
    IssuerThumbprint([u8; 32]),
    /// The issuer in the form of RFC 4514.
    IssuerSubject(String),
}

/// Why a value can't be one of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FieldError(pub &'static str);

impl Field {
    /// Reads a text of the configuration.
    ///
    /// # Errors
    /// [`FieldError`] for an empty text, control characters and wildcards: they never match.
    pub fn text(make: impl Fn(String) -> Self, value: &str) -> Result<Self, FieldError> {
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(FieldError("empty, or with control characters"));
        }
        match make(value.to_owned()) {
            Self::DnsSan(name) if name.contains('*') => Err(FieldError(
                "names are compared exactly, there are no wildcards",
            )),
            field => Ok(field),
        }
    }

    /// Reads hexadecimal digits, with or without colons, of exactly `N` bytes.
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn thumbprint<const N: usize>(value: &str) -> Result<[u8; N], FieldError> {
        let mut bytes = [0; N];
        hex::decode_to_slice(value.replace(':', ""), &mut bytes).map_err(|_| {
            FieldError("not a thumbprint: hexadecimal digits, with or without colons")
        })?;
        Ok(bytes)
    }

    /// Reads the hexadecimal digits of a serial number, as OpenSSL prints them.
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn serial(value: &str) -> Result<Self, FieldError> {
        let digits = value.replace(':', "");
        let padded = if digits.len() % 2 == 1 {
            format!("0{digits}")
        } else {
            digits
        };
        let bytes =
            hex::decode(padded).map_err(|_| FieldError("not a hexadecimal serial number"))?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        match bytes.get(zeros..) {
            Some(serial) if !serial.is_empty() => Ok(Self::Serial(serial.to_vec())),
            _ => Err(FieldError("a serial number can't be zero")),
        }
    }
}

/// An authority and what a certificate of it must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateIdentity {
    authority: Arc<str>,
    /// Sorted, the most specific first.
    fields: Vec<Field>,
}

/// Why an identity is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No field: it would match every certificate of the authority.
    #[error(
        "it names no field of a certificate, so it would match every certificate of the authority"
    )]
    Empty,
    /// A serial number is unique for its issuer only.
    #[error(
        "a serial number is unique for one issuer only: add `issuer_subject` or `issuer_thumbprint`"
    )]
    SerialAlone,
    /// A certificate could be two clients'.
    #[error("every certificate that matches this matches client `{0}` too")]
    Ambiguous(String),
}

impl CertificateIdentity {
    /// An identity of these fields.
    ///
    /// # Errors
    /// [`IdentityError`] where they could not name one client.
    pub fn new(authority: Arc<str>, mut fields: Vec<Field>) -> Result<Self, IdentityError> {
        fields.sort();
        let is_issuer =
            |field: &Field| matches!(field, Field::IssuerThumbprint(_) | Field::IssuerSubject(_));
        let is_print =
            |field: &Field| matches!(field, Field::ThumbprintSha256(_) | Field::ThumbprintSha1(_));
        let has_serial = fields.iter().any(|field| matches!(field, Field::Serial(_)));
        if fields.is_empty() {
            return Err(IdentityError::Empty);
        }
        if has_serial
            && !fields
                .iter()
                .any(|field| is_issuer(field) || is_print(field))
        {
            return Err(IdentityError::SerialAlone);
        }
        Ok(Self { authority, fields })
    }
}

/// A self-signed certificate that is a client's, by the SHA-256 of all of it.
pub type Pin = [u8; 32];

struct Entry {
    fields: Vec<Field>,
    client: Arc<Client>,
}

/// The identities of all clients.
#[derive(Default)]
pub struct IdentityIndex {
    by_field: HashMap<(Arc<str>, Field), Vec<Entry>>,
    pins: HashMap<Pin, Arc<Client>>,
    len: usize,
}

impl IdentityIndex {
    /// Adds an identity of a client.
    pub fn add(&mut self, identity: CertificateIdentity, client: Arc<Client>) {
        let CertificateIdentity { authority, fields } = identity;
        if let Some(first) = fields.first().cloned() {
            self.len += 1;
            let entries = self.by_field.entry((authority, first)).or_default();
            entries.push(Entry { fields, client });
        }
    }

    /// Adds a pinned certificate of a client.
    ///
    /// # Errors
    /// [`IdentityError::Ambiguous`] if it is another one's.
    pub fn pin(&mut self, pin: Pin, client: Arc<Client>) -> Result<(), IdentityError> {
        match self.pins.get(&pin) {
            Some(other) if other.id != client.id => {
                Err(IdentityError::Ambiguous(other.id.to_string()))
            }
            _ => {
                self.len += usize::from(self.pins.insert(pin, client).is_none());
                Ok(())
            }
        }
    }

    /// Whether every certificate that matches an identity of this client is another one's too.
    ///
    /// # Errors
    /// [`IdentityError::Ambiguous`], with the other client.
    pub fn check(
        &self,
        identity: &CertificateIdentity,
        client: &Client,
    ) -> Result<(), IdentityError> {
        let fields: HashSet<Field> = identity.fields.iter().cloned().collect();
        let other = self
            .matching(&identity.authority, &fields)
            .find(|it| it.id != client.id);
        match other {
            Some(other) => Err(IdentityError::Ambiguous(other.id.to_string())),
            None => Ok(()),
        }
    }

    /// How many identities there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The clients whose identities these fields of a certificate satisfy.
    pub(super) fn matching<'a>(
        &'a self,
        authority: &Arc<str>,
        fields: &'a HashSet<Field>,
    ) -> impl Iterator<Item = &'a Arc<Client>> {
        let found = fields
            .iter()
            .filter_map(|field| self.by_field.get(&(Arc::clone(authority), field.clone())));
        let fits = |entry: &&Entry| entry.fields.iter().all(|field| fields.contains(field));
        found.flatten().filter(fits).map(|entry| &entry.client)
    }

    pub(super) fn pinned(&self, pin: &Pin) -> Option<&Arc<Client>> {
        self.pins.get(pin)
    }
}

/// Every field of a leaf, with every value that it has.
pub(super) fn fields(
    der: &CertificateDer<'_>,
    leaf: &Decoded,
    issuer_thumbprint: [u8; 32],
) -> Result<HashSet<Field>, CertificateError> {
    let names::AlternativeNames { dns, uri, email } = names::alternative(leaf)?;
    let serial = leaf.serial();
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    let mut fields = HashSet::from([
        Field::ThumbprintSha256(Sha256::digest(der).into()),
        Field::ThumbprintSha1(Sha1::digest(der).into()),
        Field::Serial(serial.get(zeros..).unwrap_or_default().to_vec()),
        Field::IssuerThumbprint(issuer_thumbprint),
    ]);
    fields.extend(dns.into_iter().map(Field::DnsSan));
    fields.extend(uri.into_iter().map(Field::UriSan));
    fields.extend(email.into_iter().map(Field::EmailSan));
    fields.extend(names::distinguished(leaf.subject()).map(Field::Subject));
    fields.extend(names::common_name(leaf.subject()).map(Field::CommonName));
    fields.extend(names::distinguished(leaf.issuer()).map(Field::IssuerSubject));
    Ok(fields)
}
