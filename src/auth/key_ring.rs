//! The keys of all clients, by digest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::{AuthError, Caller, CredentialKind, Described, KeyDigest, KeySlot, KeyState, Validity};
use crate::access::{Client, ClientId};

/// Two clients with one key: the caller would be ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this key already belongs to another client or slot")]
pub struct DuplicateKey;

struct Entry {
    digest: KeyDigest,
    slot: KeySlot,
    validity: Validity,
    client: Arc<Client>,
}

/// A key of the configuration, of which only the digest is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredKey {
    /// Its digest.
    pub digest: KeyDigest,
    /// Whose it is.
    pub client: ClientId,
    /// Which of the client's two.
    pub slot: KeySlot,
    /// When and whether it is valid.
    pub validity: Validity,
}

/// Every client's keys. A look-up costs the same however many there are.
#[derive(Default)]
pub struct KeyRing(HashMap<KeyDigest, Entry>);

impl KeyRing {
    /// Adds a key of a client.
    ///
    /// # Errors
    /// [`DuplicateKey`] if the ring has it already; the ring stays as it was.
    pub fn add(
        &mut self,
        digest: KeyDigest,
        slot: KeySlot,
        validity: Validity,
        client: Arc<Client>,
    ) -> Result<(), DuplicateKey> {
        if self.0.contains_key(&digest) {
            return Err(DuplicateKey);
        }
        self.0.insert(
            digest,
            Entry {
                digest,
                slot,
                validity,
                client,
            },
        );
        Ok(())
    }

    /// Finds the caller that a presented key belongs to.
    ///
    /// # Errors
    /// [`AuthError`] for a text that is not a key, a key that nobody has, and one that is not valid now.
    pub fn authenticate(&self, presented: &str, now: SystemTime) -> Result<Caller, AuthError> {
        self.find(&KeyDigest::of_presented(presented)?, now)
    }

    /// Finds the caller that a key belongs to, by its digest.
    ///
    /// # Errors
    /// [`AuthError`] for a key that nobody has, and one that is not valid now.
    pub fn find(&self, digest: &KeyDigest, now: SystemTime) -> Result<Caller, AuthError> {
        let entry = self.0.get(digest).ok_or(AuthError::UnknownKey)?;
        // The map compares byte by byte and may stop early; this comparison does not.
        if !entry.digest.matches(digest) {
            return Err(AuthError::UnknownKey);
        }
        entry.validity.check(now)?;
        Ok(Caller {
            client: Arc::clone(&entry.client),
            credential: CredentialKind::Key(entry.slot),
            key: None,
            user: None,
            entitlements: None,
        })
    }

    /// Whose key it is, valid or not.
    pub(crate) fn described(&self, digest: &KeyDigest) -> Option<Described> {
        let entry = self.0.get(digest).filter(|it| it.digest.matches(digest))?;
        Some(Described {
            client: Some(entry.client.id.to_shared()),
            slot: Some(entry.slot),
            ..Described::default()
        })
    }

    /// Whether a client has a key in a slot that is or may become good. Slow: it looks at every key.
    pub fn holds(&self, client: &ClientId, slot: KeySlot, now: SystemTime) -> bool {
        let may_be_good = |validity: &Validity| {
            validity.state != KeyState::Revoked && validity.not_after.is_none_or(|end| end > now)
        };
        self.0.values().any(|entry| {
            entry.client.id == *client && entry.slot == slot && may_be_good(&entry.validity)
        })
    }

    /// Every key, in no order.
    pub fn iter(&self) -> impl Iterator<Item = ConfiguredKey> {
        self.0.values().map(|entry| ConfiguredKey {
            digest: entry.digest,
            client: entry.client.id.clone(),
            slot: entry.slot,
            validity: entry.validity,
        })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Key;

    fn client(id: &str) -> Arc<Client> {
        Arc::new(Client::new(ClientId::new(id), Vec::new()))
    }

    fn digest(key: &Key) -> KeyDigest {
        KeyDigest::of_presented(key.expose()).expect("a tollgate key")
    }

    #[test]
    fn both_keys_of_a_client_name_it() {
        let (first, second) = (
            Key::generate().expect("a key"),
            Key::generate().expect("a key"),
        );
        let mut ring = KeyRing::default();
        let app = client("mobile-app");
        ring.add(
            digest(&first),
            KeySlot::Primary,
            Validity::default(),
            Arc::clone(&app),
        )
        .expect("new");
        ring.add(
            digest(&second),
            KeySlot::Secondary,
            Validity::default(),
            app,
        )
        .expect("new");
        for (key, slot) in [(&first, KeySlot::Primary), (&second, KeySlot::Secondary)] {
            let caller = ring
                .authenticate(key.expose(), SystemTime::UNIX_EPOCH)
                .expect("a known key");
            assert_eq!(caller.client.id.as_str(), "mobile-app");
            assert_eq!(caller.credential, CredentialKind::Key(slot));
        }
    }

    #[test]
    fn a_well_formed_key_of_nobody_is_unknown() {
        let key = Key::generate().expect("a key");
        let refused = KeyRing::default().authenticate(key.expose(), SystemTime::UNIX_EPOCH);
        assert_eq!(refused.map(|_| ()), Err(AuthError::UnknownKey));
    }

    #[test]
    fn one_key_for_two_clients_is_refused() {
        let key = Key::generate().expect("a key");
        let mut ring = KeyRing::default();
        ring.add(
            digest(&key),
            KeySlot::Primary,
            Validity::default(),
            client("a"),
        )
        .expect("new");
        let again = ring.add(
            digest(&key),
            KeySlot::Primary,
            Validity::default(),
            client("b"),
        );
        assert_eq!(again, Err(DuplicateKey));
        let caller = ring
            .authenticate(key.expose(), SystemTime::UNIX_EPOCH)
            .expect("still there");
        assert_eq!(caller.client.id.as_str(), "a");
    }
}
