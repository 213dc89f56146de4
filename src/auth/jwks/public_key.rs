//! A public key's numbers → what verifies signatures with it (RFC 7518, section 6; RFC 8037).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;

use crate::auth::algorithm::{Algorithm, KeyType};

/// Sizes of RSA moduli that aws-lc verifies with, in bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
const ED25519_BYTES: usize = 32;
/// The points of small order of Ed25519, without the sign bit, in every encoding: of a key that is one of them
/// anybody can make signatures.
const SMALL_ORDER: [[u8; ED25519_BYTES]; 7] = [
    ends(0x00, 0x00, 0x00),
    ends(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    ends(0xec, 0xff, 0x7f),
    ends(0xed, 0xff, 0x7f),
    ends(0xee, 0xff, 0x7f),
];

/// A number of 32 bytes whose bytes between the first and the last are the same.
const fn ends(first: u8, between: u8, last: u8) -> [u8; ED25519_BYTES] {
    let mut bytes = [between; ED25519_BYTES];
    bytes[0] = first;
    bytes[ED25519_BYTES - 1] = last;
    bytes
}

/// A key that signatures are verified with.
pub(super) struct PublicKey {
    pub(super) key_type: KeyType,
    verifier: Verifier,
    /// What it was made from, to see whether it has changed.
    material: Vec<u8>,
}

enum Verifier {
    Jwt(DecodingKey),
    /// jsonwebtoken does not know ES512.
    P521(ParsedPublicKey),
}

impl PublicKey {
    /// A key of RSA: modulus and exponent.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        // Some issuers write a leading zero, which RFC 7518, section 6.3.1.1 forbids.
        let n = n.strip_prefix(&[0]).unwrap_or(n);
        if !RSA_BYTES.contains(&n.len()) || e.is_empty() || e.len() > 8 {
            return None;
        }
        Some(Self {
            key_type: KeyType::Rsa,
            verifier: Verifier::Jwt(DecodingKey::from_rsa_raw_components(n, e)),
            material: [n, &[0xff], e].concat(),
        })
    }

    /// A point of a curve (SEC 1, section 2.3.3, uncompressed). A coordinate has its full length (RFC 7518,
    /// section 6.2.1.2), but some issuers leave leading zeros out.
    pub(super) fn point(key_type: KeyType, x: &[u8], y: &[u8]) -> Option<Self> {
        let (length, algorithm) = match key_type {
            KeyType::P256 => (32, &ECDSA_P256_SHA256_FIXED),
            KeyType::P384 => (48, &ECDSA_P384_SHA384_FIXED),
            KeyType::P521 => (66, &ECDSA_P521_SHA512_FIXED),
            KeyType::Rsa | KeyType::Ed25519 => return None,
        };
        let mut point = vec![4];
        for coordinate in [x, y] {
            let zeros = length - Some(coordinate.len()).filter(|it| (1..=length).contains(it))?;
            point.resize(point.len() + zeros, 0);
            point.extend_from_slice(coordinate);
        }
        let key = ParsedPublicKey::new(algorithm, &point).ok()?;
        let verifier = match key_type {
            KeyType::P521 => Verifier::P521(key),
            _ => Verifier::Jwt(DecodingKey::from_ec_der(&point)),
        };
        Some(Self {
            key_type,
            verifier,
            material: point,
        })
    }

    /// A key of Ed25519.
    pub(super) fn ed25519(x: &[u8]) -> Option<Self> {
        let mut bytes: [u8; ED25519_BYTES] = x.try_into().ok()?;
        if let Some(last) = bytes.last_mut() {
            *last &= 0x7f;
        }
        if SMALL_ORDER.contains(&bytes) {
            return None;
        }
        ParsedPublicKey::new(&ED25519, x).ok()?;
        Some(Self {
            key_type: KeyType::Ed25519,
            verifier: Verifier::Jwt(DecodingKey::from_ed_der(x)),
            material: x.to_vec(),
        })
    }

    /// Whether a signature by an algorithm of this key's type is this key's.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        if self.key_type != algorithm.key_type() {
            return false;
        }
        match (&self.verifier, algorithm.for_verifier()) {
            (Verifier::P521(key), None) => key.verify_sig(signed, signature).is_ok(),
            (Verifier::Jwt(key), Some(algorithm)) => {
                let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
                jsonwebtoken::crypto::verify(&signature, signed, key, algorithm).unwrap_or(false)
            }
            _ => false,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key_type == other.key_type && self.material == other.material
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::UnparsedPublicKey;

    use super::*;

    #[test]
    fn of_a_key_of_small_order_anybody_can_make_signatures_so_it_is_none() {
        // The neutral element as key and as R, and S = 0: R = [S]B - [k]A for every message.
        let neutral = ends(1, 0, 0);
        let forged = [neutral, [0; 32]].concat();
        let key = UnparsedPublicKey::new(&ED25519, neutral);
        assert!(key.verify(b"anything", &forged).is_ok(), "why it matters");
        for point in SMALL_ORDER {
            let mut negative = point;
            negative[31] |= 0x80;
            for x in [point, negative] {
                assert!(PublicKey::ed25519(&x).is_none(), "{x:02x?}");
            }
        }
    }
}
