//! A set of public keys (RFC 7517, section 5).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::public_key::PublicKey;
use crate::auth::algorithm::{Algorithm, KeyType};
use crate::auth::json::object;

/// Most keys that an issuer may have; the largest in the field have about twenty.
const MAX_KEYS: usize = 256;
/// What some editors put before a text (RFC 8259, section 8.1: parsers may ignore it).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a text is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with one array `keys`.
    #[error("it is not a JSON Web Key Set")]
    Malformed,
    /// More keys than an issuer has.
    #[error("it has more than {MAX_KEYS} keys")]
    TooMany,
}

/// One public key of an issuer.
pub(in crate::auth) struct Key {
    /// The one algorithm that it is for, where it says.
    algorithm: Option<Algorithm>,
    /// Entra ID says whose tokens a key of a shared key set signs; may hold `{tenantid}`.
    pub(in crate::auth) issuer: Option<String>,
    public: PublicKey,
}

impl Key {
    pub(in crate::auth) fn fits(&self, algorithm: Algorithm) -> bool {
        self.public.key_type == algorithm.key_type()
            && self.algorithm.is_none_or(|own| own.is_same(algorithm))
    }

    /// Whether a signature is this key's.
    pub(in crate::auth) fn verifies(
        &self,
        algorithm: Algorithm,
        signed: &str,
        signature: &[u8],
    ) -> bool {
        self.fits(algorithm)
            && self
                .public
                .verifies(algorithm, signed.as_bytes(), signature)
    }

    /// The key of a member of `keys`, if it is one that we can verify with. What restricts a key and can't be
    /// read is a restriction.
    fn read(members: &Map<String, Value>) -> Option<(String, Self)> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let id = text("kid").filter(|id| !id.is_empty())?.to_owned();
        // `null` is absent, as some libraries write it; what else is not a text costs the key.
        let restriction = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => value.as_str().map(Some),
        };
        if restriction("use")?.is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(operations) = members.get("key_ops").filter(|it| !it.is_null()) {
            let is_verify = |name: &Value| name.as_str() == Some("verify");
            operations.as_array()?.iter().find(|name| is_verify(name))?;
        }
        let algorithm = match restriction("alg")? {
            None => None,
            Some(name) => Some(Algorithm::parse(name)?),
        };
        let issuer = restriction("issuer")?.map(str::to_owned);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let point = |key_type| PublicKey::point(key_type, &bytes("x")?, &bytes("y")?);
        let public = match (text("kty")?, text("crv")) {
            ("RSA", None) => PublicKey::rsa(&bytes("n")?, &bytes("e")?),
            ("EC", Some("P-256")) => point(KeyType::P256),
            ("EC", Some("P-384")) => point(KeyType::P384),
            ("EC", Some("P-521")) => point(KeyType::P521),
            ("OKP", Some("Ed25519")) => PublicKey::ed25519(&bytes("x")?),
            _ => None,
        };
        let key = Self {
            algorithm,
            issuer,
            public: public?,
        };
        Some((id, key)).filter(|(_, key)| algorithm.is_none_or(|own| key.fits(own)))
    }

    fn is_same(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm
            && self.issuer == other.issuer
            && self.public.is_same(&other.public)
    }
}

/// A key set whose keys have not been read: what is wrong with one of them costs that one.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// The keys of one issuer, by id.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, Vec<Arc<Key>>>,
    /// Members of `keys` that we can't verify with: encryption keys, symmetric keys, other curves, and what
    /// can't be read.
    skipped: usize,
}

impl KeySet {
    /// Reads a key set, and passes over keys that we can't verify with.
    ///
    /// # Errors
    /// [`KeySetError`] where it is not one.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        // serde would take an array for a struct.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(KeySetError::Malformed);
        }
        let document: Result<Document<'_>, _> = serde_json::from_slice(text);
        let list = document.map_err(|_| KeySetError::Malformed)?.keys;
        if list.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let mut set = Self::default();
        for member in list {
            let members = object(member.get().as_bytes());
            match members.ok().as_ref().and_then(Key::read) {
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

    /// Whether a key can verify what is signed with one of these algorithms.
    pub fn has_any_for(&self, algorithms: &[Algorithm]) -> bool {
        let mut keys = self.keys.values().flatten();
        keys.any(|key| algorithms.iter().any(|it| key.fits(*it)))
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
