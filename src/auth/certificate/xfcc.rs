//! The `x-forwarded-client-cert` header of Envoy.
//!
//! ```text
//! header  = element *( "," element )        ; one element for each proxy that has added itself
//! element = pair *( ";" pair )
//! pair    = key "=" value                   ; keys without regard to case
//! value   = token / DQUOTE *( qchar / "\" char ) DQUOTE
//! ```
//! (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert>)
//!
//! Envoy with `SANITIZE_SET` replaces whatever a client sent by one element of its own, so a header
//! with several is not from a listener that sanitises. `Cert` and `Chain` are URL-encoded PEM; the
//! chain begins with the leaf. The other keys say nothing that the certificates don't.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::CertificateError;
use crate::percent;

/// Longest header that is looked at, in bytes: a chain of eight with large RSA keys, encoded twice.
pub(super) const MAX_HEADER_BYTES: usize = 96 * 1024;
/// Most certificates in a chain, the leaf included.
pub(super) const MAX_CERTIFICATES: usize = 8;
/// Most pairs of an element; Envoy writes eight at most, of which URI and DNS may repeat.
const MAX_PAIRS: usize = 128;

/// What one element says of the client's certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// The SHA-256 of the leaf, if it is there.
    pub(super) hash: Option<[u8; 32]>,
    /// The chain, leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

/// Reads the one element.
///
/// # Errors
/// [`CertificateError`] where there is none or more than one, or it can't be read.
pub(super) fn parse(header: &[u8]) -> Result<Element, CertificateError> {
    if header.len() > MAX_HEADER_BYTES {
        return Err(CertificateError::TooLarge);
    }
    let header = std::str::from_utf8(header).map_err(|_| CertificateError::Malformed)?;
    let (mut hash, mut cert, mut chain) = (None, None, None);
    for (key, value) in pairs(header)? {
        let slot = match key.to_ascii_lowercase().as_str() {
            "hash" => &mut hash,
            "cert" => &mut cert,
            "chain" => &mut chain,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(CertificateError::Malformed);
        }
    }
    let hash = hash.map(|hex| digest(&hex)).transpose()?;
    let cert = cert.map(|value| certificates(&value)).transpose()?;
    let chain = chain.map(|value| certificates(&value)).transpose()?;
    let chain = match (cert, chain) {
        (Some(cert), Some(chain)) => match (cert.as_slice(), chain.first()) {
            ([leaf], Some(first)) if leaf == first => chain,
            _ => return Err(CertificateError::Malformed),
        },
        (Some(cert), None) if cert.len() == 1 => cert,
        (None, Some(chain)) => chain,
        _ => return Err(CertificateError::Malformed),
    };
    Ok(Element { hash, chain })
}

fn digest(hex: &str) -> Result<[u8; 32], CertificateError> {
    let mut digest = [0; 32];
    hex::decode_to_slice(hex, &mut digest).map_err(|_| CertificateError::Malformed)?;
    Ok(digest)
}

/// The pairs of a header with one element, quotes and escapes resolved.
fn pairs(header: &str) -> Result<Vec<(&str, String)>, CertificateError> {
    let mut pairs = Vec::new();
    let mut rest = header;
    loop {
        let (key, after) = rest.split_once('=').ok_or(CertificateError::Malformed)?;
        let named = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !named || pairs.len() == MAX_PAIRS {
            return Err(CertificateError::Malformed);
        }
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find([';', ',', '"']).unwrap_or(after.len());
                let (value, after) = after
                    .split_at_checked(end)
                    .ok_or(CertificateError::Malformed)?;
                (value.to_owned(), after)
            }
        };
        pairs.push((key, value));
        match after.strip_prefix(';') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(pairs),
            // A comma begins a second element; anything else is not in the grammar.
            None => return Err(CertificateError::Malformed),
        }
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Result<(String, &str), CertificateError> {
    let mut value = String::with_capacity(text.len());
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let after = text.get(at + 1..).ok_or(CertificateError::Malformed)?;
                return Ok((value, after));
            }
            '\\' => {
                let (_, escaped) = letters.next().ok_or(CertificateError::Malformed)?;
                value.push(escaped);
            }
            letter => value.push(letter),
        }
    }
    Err(CertificateError::Malformed)
}

/// The certificates of URL-encoded PEM, and nothing else.
pub(super) fn certificates(
    encoded: &str,
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    // A plus sign is one: Base64 has it.
    let pem = percent::decode(encoded).ok_or(CertificateError::Malformed)?;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        if found.len() == MAX_CERTIFICATES {
            return Err(CertificateError::TooLarge);
        }
        found.push(certificate.map_err(|_| CertificateError::Malformed)?);
    }
    match found.is_empty() {
        true => Err(CertificateError::Malformed),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests;
