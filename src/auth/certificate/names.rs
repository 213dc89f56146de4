//! Names as text, for exact comparison with the configuration.

use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Any, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use super::CertificateError;
use super::decoded::Decoded;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Attribute types by the names of RFC 4514, section 3, and those that OpenSSL prints beyond it.
const TYPES: [(&str, &str); 16] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The names that a certificate's subject has besides its subject name.
#[derive(Debug, Default)]
pub(super) struct AlternativeNames {
    pub(super) dns: Vec<String>,
    pub(super) uri: Vec<String>,
    pub(super) email: Vec<String>,
}

/// A name in the form of RFC 4514, last component first, as
/// `openssl x509 -nameopt RFC2253,-esc_msb` prints it.
///
/// `None` where an attribute is in an encoding of which texts can't be compared exactly (T.61, BMP,
/// universal strings): such a name equals nothing.
pub(super) fn distinguished(name: &Name) -> Option<String> {
    let components: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for (at, component) in components.into_iter().rev().enumerate() {
        if at > 0 {
            text.push(',');
        }
        for (at, attribute) in component.iter().enumerate() {
            if at > 0 {
                text.push('+');
            }
            let oid = attribute.oid.to_string();
            let short = TYPES.iter().find(|(known, _)| *known == oid);
            text.push_str(short.map_or(oid.as_str(), |(_, short)| short));
            text.push('=');
            escape(&plain(&attribute.value)?, &mut text);
        }
    }
    Some(text)
}

/// The common name, where there is exactly one.
pub(super) fn common_name(name: &Name) -> Option<String> {
    let mut found = name.iter().filter(|it| it.oid == COMMON_NAME);
    match (found.next(), found.next()) {
        (Some(only), None) => plain(&only.value),
        _ => None,
    }
}

/// The subject's alternative names (RFC 5280, section 4.2.1.6), decoded and otherwise untouched.
pub(super) fn alternative(leaf: &Decoded) -> Result<AlternativeNames, CertificateError> {
    let mut names = AlternativeNames::default();
    let Some((_, SubjectAltName(found))) = leaf.extension::<SubjectAltName>()? else {
        return Ok(names);
    };
    for name in found {
        match name {
            GeneralName::DnsName(dns) => names.dns.push(dns.as_str().to_owned()),
            GeneralName::UniformResourceIdentifier(uri) => names.uri.push(uri.as_str().to_owned()),
            GeneralName::Rfc822Name(email) => names.email.push(email.as_str().to_owned()),
            _ => {}
        }
    }
    Ok(names)
}

fn plain(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => value
            .decode_as::<Utf8StringRef<'_>>()
            .ok()
            .map(|it| it.as_str().to_owned()),
        Tag::PrintableString => value
            .decode_as::<PrintableStringRef<'_>>()
            .ok()
            .map(|it| it.as_str().to_owned()),
        Tag::Ia5String => value
            .decode_as::<Ia5StringRef<'_>>()
            .ok()
            .map(|it| it.as_str().to_owned()),
        _ => None,
    }
}

/// RFC 4514, section 2.4.
fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '\0' => text.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', letter]),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            '#' if at == 0 => text.push_str("\\#"),
            letter => text.push(letter),
        }
    }
}
