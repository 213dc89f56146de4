//! A set of public keys (RFC 7517, section 5).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::auth::algorithm::{Algorithm, KeyType};
use crate::auth::json::object;

/// Most keys that an issuer may have; the largest in the field have about twenty.
const MAX_KEYS: usize = 256;
/// Sizes of RSA moduli that aws-lc verifies with, in bytes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Why a text is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with an array `keys`, or a duplicate member.
    #[error("it is not a JSON Web Key Set")]
    Malformed,
    /// More keys than an issuer has.
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
}

/// One public key of an issuer.
#[derive(Clone)]
pub(in crate::auth) struct Key {
    key_type: KeyType,
    /// The one algorithm that it is for, where it says.
    algorithm: Option<Algorithm>,
    /// Entra ID says whose tokens a key of a shared key set signs; may hold `{tenantid}`.
    pub(in crate::auth) issuer: Option<String>,
    key: DecodingKey,
    /// What it was made from, to see whether it has changed.
    material: Vec<u8>,
}

impl Key {
    pub(in crate::auth) fn fits(&self, algorithm: Algorithm) -> bool {
        self.key_type == algorithm.key_type() && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Whether a signature is this key's.
    pub(in crate::auth) fn verifies(
        &self,
        algorithm: Algorithm,
        signed: &str,
        signature: &str,
    ) -> bool {
        self.fits(algorithm)
            && jsonwebtoken::crypto::verify(
                signature,
                signed.as_bytes(),
                &self.key,
                algorithm.for_verifier(),
            )
            .unwrap_or(false)
    }

    /// The key of a member of `keys`, if it is one that we can verify with.
    fn read(members: &Map<String, Value>) -> Option<(String, Self)> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let id = text("kid").filter(|id| !id.is_empty())?.to_owned();
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(operations) = members.get("key_ops") {
            let is_verify = |name: &Value| name.as_str() == Some("verify");
            operations.as_array()?.iter().find(|name| is_verify(name))?;
        }
        let algorithm = match members.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::parse(name.as_str()?)?),
        };
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let (key_type, key, material) = match (text("kty")?, text("crv")) {
            ("RSA", None) => rsa(&bytes("n")?, &bytes("e")?)?,
            ("EC", Some("P-256")) => point(KeyType::P256, 32, &bytes("x")?, &bytes("y")?)?,
            ("EC", Some("P-384")) => point(KeyType::P384, 48, &bytes("x")?, &bytes("y")?)?,
            ("OKP", Some("Ed25519")) => {
                let x = bytes("x").filter(|x| x.len() == 32)?;
                (KeyType::Ed25519, DecodingKey::from_ed_der(&x), x)
            }
            _ => return None,
        };
        let key = Self {
            key_type,
            algorithm,
            issuer: text("issuer").map(str::to_owned),
            key,
            material,
        };
        Some((id, key)).filter(|(_, key)| algorithm.is_none_or(|own| key.fits(own)))
    }

    fn is_same(&self, other: &Self) -> bool {
        self.key_type == other.key_type
            && self.algorithm == other.algorithm
            && self.issuer == other.issuer
            && self.material == other.material
    }
}

type Material = (KeyType, DecodingKey, Vec<u8>);

fn rsa(n: &[u8], e: &[u8]) -> Option<Material> {
    // Some issuers write a leading zero, which RFC 7518, section 6.3.1.1 forbids.
    let n = n.strip_prefix(&[0]).unwrap_or(n);
    if !RSA_BYTES.contains(&n.len()) || e.is_empty() || e.len() > 8 {
        return None;
    }
    let key = DecodingKey::from_rsa_raw_components(n, e);
    Some((KeyType::Rsa, key, [n, &[0xff], e].concat()))
}

/// An uncompressed point (SEC 1, section 2.3.3); coordinates have their full length (RFC 7518,
/// section 6.2.1.2).
fn point(key_type: KeyType, length: usize, x: &[u8], y: &[u8]) -> Option<Material> {
    if x.len() != length || y.len() != length {
        return None;
    }
    let point = [&[4], x, y].concat();
    Some((key_type, DecodingKey::from_ec_der(&point), point))
}

/// The keys of one issuer, by id.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, Vec<Arc<Key>>>,
    /// Members of `keys` that we can't verify with: encryption keys, symmetric keys, other curves.
    skipped: usize,
}

impl KeySet {
    /// Reads a key set, and passes over keys that we can't verify with.
    ///
    /// # Errors
    /// [`KeySetError`] where it is not one.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let members = object(bytes).map_err(|_| KeySetError::Malformed)?;
        let list = members.get("keys").and_then(Value::as_array);
        let list = list.ok_or(KeySetError::Malformed)?;
        if list.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let mut set = Self::default();
        for member in list {
            match member.as_object().and_then(Key::read) {
                Some((id, key)) => set.keys.entry(id).or_default().push(Arc::new(key)),
                None => set.skipped += 1,
            }
        }
        Ok(set)
    }

    /// The keys of an id; two of different types may share one (RFC 7517, section 4.5).
    pub(in crate::auth) fn find(&self, id: &str) -> Option<&[Arc<Key>]> {
        self.keys.get(id).map(Vec::as_slice)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many members of the set were passed over.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Whether another set has the same keys.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len()
            && self.keys.iter().all(|(id, own)| {
                other.find(id).is_some_and(|theirs| {
                    own.len() == theirs.len() && own.iter().zip(theirs).all(|(a, b)| a.is_same(b))
                })
            })
    }
}

#[cfg(test)]
mod tests;
