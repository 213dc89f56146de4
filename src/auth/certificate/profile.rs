//! The rules of RFC 5280 that rustls-webpki leaves to its user, over the path that it has built.

use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Error, Reader, SliceReader};
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{NameConstraints, PolicyConstraints};

use super::CertificateError;
use super::decoded::Decoded;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// P-256, P-384 and P-521 (RFC 5480, section 2.1.1.1).
const CURVES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
    ObjectIdentifier::new_unwrap("1.3.132.0.34"),
    ObjectIdentifier::new_unwrap("1.3.132.0.35"),
];
/// Extensions that must not be critical: subject and authority key identifier (RFC 5280, sections
/// 4.2.1.1 and 4.2.1.2) and authority information access (4.2.2.1).
const NEVER_CRITICAL: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("2.5.29.14"),
    ObjectIdentifier::new_unwrap("2.5.29.35"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1"),
];
/// NIST SP 800-131A; above the longest, a signature costs too much to be checked for a stranger.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// RFC 5280, section 4.1.2.2.
const MAX_SERIAL_BYTES: usize = 20;

/// What holds for a client's certificate.
pub(super) fn check_leaf(leaf: &Decoded) -> Result<(), CertificateError> {
    check_any(leaf)?;
    if leaf.authority()?.0 {
        return Err(CertificateError::CaAsLeaf);
    }
    // Section 4.2.1.3: who may sign certificates is an authority; who may not sign can't prove in
    // TLS that it has the key.
    match leaf.key_usage()? {
        Some(usage) if usage.key_cert_sign() || !usage.digital_signature() => {
            Err(CertificateError::KeyUsage)
        }
        _ => Ok(()),
    }
}

/// What holds for an intermediate and for a trust anchor.
pub(super) fn check_authority(issuer: &Decoded) -> Result<(), CertificateError> {
    check_any(issuer)?;
    if !issuer.authority()?.0 {
        return Err(CertificateError::IssuerNotCa);
    }
    match issuer.key_usage()? {
        Some(usage) if !usage.key_cert_sign() => Err(CertificateError::KeyUsage),
        _ => check_name_constraints(issuer),
    }
}

fn check_any(certificate: &Decoded) -> Result<(), CertificateError> {
    check_serial(certificate.serial())?;
    check_key(certificate)?;
    // Section 4.1.2.4: the issuer has a name.
    if certificate.issuer().is_empty() {
        return Err(CertificateError::Profile);
    }
    let extensions = certificate.extensions();
    for (at, extension) in extensions.iter().enumerate() {
        // Section 4.2: an extension occurs once.
        let mut before = extensions.iter().take(at);
        if before.any(|other| other.extn_id == extension.extn_id) {
            return Err(CertificateError::Profile);
        }
        if extension.critical && NEVER_CRITICAL.contains(&extension.extn_id) {
            return Err(CertificateError::Profile);
        }
    }
    Ok(())
}

/// Section 4.1.2.2: positive, at most 20 octets.
fn check_serial(serial: &[u8]) -> Result<(), CertificateError> {
    let is_negative = serial.first().is_some_and(|byte| byte & 0x80 != 0);
    let is_zero = serial.iter().all(|byte| *byte == 0);
    match is_negative || is_zero || serial.len() > MAX_SERIAL_BYTES {
        true => Err(CertificateError::Serial),
        false => Ok(()),
    }
}

fn check_key(certificate: &Decoded) -> Result<(), CertificateError> {
    let is_good = match certificate.key() {
        (RSA_ENCRYPTION, _, key) => is_strong_rsa(key).unwrap_or(false),
        (EC_PUBLIC_KEY, Some(curve), _) => CURVES.contains(&curve),
        (ED25519, _, key) => key.len() == 32,
        _ => false,
    };
    match is_good {
        true => Ok(()),
        false => Err(CertificateError::Algorithm),
    }
}

/// `RSAPublicKey` (RFC 8017, appendix A.1.1): modulus and public exponent.
fn is_strong_rsa(key: &[u8]) -> Option<bool> {
    let mut reader = SliceReader::new(key).ok()?;
    let integers = reader.sequence(|fields| {
        let modulus = UintRef::decode(fields)?;
        Ok::<_, Error>((modulus.as_bytes(), UintRef::decode(fields)?.as_bytes()))
    });
    let (modulus, exponent) = integers.ok()?;
    reader.finish().ok()?;
    let leading = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    let bits = modulus.len().checked_mul(8)?.checked_sub(leading)?;
    let is_odd = exponent.last()? & 1 == 1;
    Some(RSA_BITS.contains(&bits) && bits % 8 == 0 && is_odd && exponent != [1])
}

/// Section 4.2.1.10: critical, not empty, no distances; what webpki can't judge is refused.
pub(super) fn check_name_constraints(issuer: &Decoded) -> Result<(), CertificateError> {
    let Some((critical, constraints)) = issuer.extension::<NameConstraints>()? else {
        return Ok(());
    };
    let subtrees: Vec<&GeneralSubtree> = [
        &constraints.permitted_subtrees,
        &constraints.excluded_subtrees,
    ]
    .into_iter()
    .flatten()
    .flatten()
    .collect();
    if !critical || subtrees.is_empty() {
        return Err(CertificateError::Profile);
    }
    for subtree in subtrees {
        if subtree.minimum != 0 || subtree.maximum.is_some() {
            return Err(CertificateError::Profile);
        }
        check_constraint_base(&subtree.base)?;
    }
    Ok(())
}

fn check_constraint_base(base: &GeneralName) -> Result<(), CertificateError> {
    match base {
        GeneralName::DnsName(name) => {
            let name = name.as_str();
            let labels = name.strip_prefix('.').unwrap_or(name);
            let is_label = |label: &str| {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                !label.is_empty() && label.chars().all(plain)
            };
            match name.is_empty() || labels.split('.').all(is_label) {
                true => Ok(()),
                false => Err(CertificateError::Profile),
            }
        }
        // An address and a mask, for IPv4 or IPv6.
        GeneralName::IpAddress(bytes) => match bytes.as_bytes().len() {
            8 | 32 => Ok(()),
            _ => Err(CertificateError::Profile),
        },
        _ => Err(CertificateError::UnsupportedConstraint),
    }
}

/// Section 4.2.1.11: policy constraints may demand a policy of the whole path, also where they are not
/// critical, as before RFC 5280. Policies are not processed, so such a path is refused.
pub(super) fn check_policy_constraints(certificate: &Decoded) -> Result<(), CertificateError> {
    let mut extensions = certificate.extensions().iter();
    match extensions.any(|it| it.extn_id == PolicyConstraints::OID) {
        true => Err(CertificateError::UnsupportedExtension),
        false => Ok(()),
    }
}

/// Whether an issuer has name constraints of a kind that webpki can't judge: it refuses them as if
/// they were violated, and an operator should learn the difference.
pub(super) fn has_unsupported_constraints(issuer: &Decoded) -> bool {
    issuer
        .extensions()
        .iter()
        .any(|it| it.extn_id == NameConstraints::OID)
        && check_name_constraints(issuer) == Err(CertificateError::UnsupportedConstraint)
}
