//! The keys that were issued at run time, by digest, as requests see them.
//!
//! What the database says is brought here by a task of its own ([`crate::control`]); requests look up
//! what is here and never wait. A key names its client by id: whether there is such a client is the
//! configuration's to say, at the moment of the request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use dashmap::DashMap;

use super::{AuthError, Caller, CredentialKind, Described, KeyDigest, KeySlot, KeyState, Validity};
use crate::access::{Client, ClientId};

/// The public part of a key, which names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Longest id that is looked for.
    const MAX_CHARS: usize = 64;

    /// Takes a text that may be an id.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = (1..=Self::MAX_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_id.then(|| Self(text.into()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who changed a key, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// Who, such as `uid:1000`.
    pub by: String,
    /// When, to the millisecond.
    pub at: SystemTime,
}

/// A key that was issued at run time, with its history. It has no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedKey {
    /// Its name.
    pub id: KeyId,
    /// What it is found by.
    pub digest: KeyDigest,
    /// Whose it is.
    pub client: ClientId,
    /// Which of the client's two.
    pub slot: KeySlot,
    /// When and whether it is valid.
    pub validity: Validity,
    /// The key that a rotation put in its place.
    pub replaced_by: Option<KeyId>,
    /// Who issued it.
    pub issued: KeyEvent,
    /// Who changed it last.
    pub changed: KeyEvent,
    /// The number of its last change; a later change has a higher one.
    pub version: i64,
}

/// A key that was issued at run time, as requests see it. It has no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// Its name.
    pub id: KeyId,
    /// What it is found by.
    pub digest: KeyDigest,
    /// Whose it is.
    pub client: ClientId,
    /// Which of the client's two.
    pub slot: KeySlot,
    /// When and whether it is valid.
    pub validity: Validity,
}

struct Entry {
    id: KeyId,
    digest: KeyDigest,
    client: ClientId,
    slot: KeySlot,
    validity: Validity,
    version: i64,
}

impl Entry {
    fn of(key: &IssuedKey) -> Self {
        Self {
            id: key.id.clone(),
            digest: key.digest,
            client: key.client.clone(),
            slot: key.slot,
            validity: key.validity,
            version: key.version,
        }
    }
}

/// How many keys are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// In use, within their time or not.
    pub active: u64,
    /// Suspended.
    pub suspended: u64,
    /// Revoked.
    pub revoked: u64,
}

/// Every key that was issued at run time. A look-up costs the same however many there are.
#[derive(Default)]
pub struct IssuedKeys {
    keys: DashMap<KeyDigest, Entry>,
    /// The database has been asked for them, with or without success.
    is_asked: AtomicBool,
    is_loaded: AtomicBool,
}

impl IssuedKeys {
    /// Takes over changes, in any order: what is newer wins.
    pub fn apply(&self, changes: &[IssuedKey]) {
        for change in changes {
            self.keys
                .entry(change.digest)
                .and_modify(|held| {
                    if held.version < change.version {
                        *held = Entry::of(change);
                    }
                })
                .or_insert_with(|| Entry::of(change));
        }
    }

    /// Takes `all` for every key that there is; what is not among them goes.
    pub fn replace(&self, all: &[IssuedKey]) {
        let there: std::collections::HashSet<_> = all.iter().map(|key| key.digest).collect();
        self.keys.retain(|digest, _| there.contains(digest));
        for key in all {
            self.keys.insert(key.digest, Entry::of(key));
        }
    }

    /// The database has been asked once.
    pub fn set_asked(&self) {
        self.is_asked.store(true, Ordering::Release);
    }

    /// Whether the database has been asked once, with or without success.
    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Acquire)
    }

    /// From now on a key that is not here is unknown.
    pub fn set_loaded(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }

    /// Whether the keys have been loaded once.
    pub fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    /// Finds the caller that a key belongs to; `client` is the configuration's answer to an id.
    ///
    /// # Errors
    /// [`AuthError::KeysUnavailable`] for a key that is not here while they have not been loaded,
    /// [`AuthError::UnknownKey`] after, [`AuthError::KeyClientUnknown`] where the configuration has no
    /// such client (any more), and what [`Validity::check`] says.
    pub fn authenticate(
        &self,
        digest: &KeyDigest,
        now: SystemTime,
        client: impl FnOnce(&ClientId) -> Option<Arc<Client>>,
    ) -> Result<Caller, AuthError> {
        // Asked before the look-up: a load that ends between the two must not make a key unknown.
        let is_loaded = self.is_loaded();
        // The map compares byte by byte and may stop early; the second comparison does not.
        let entry = self.keys.get(digest).filter(|it| it.digest.matches(digest));
        let Some(entry) = entry else {
            return Err(match is_loaded {
                true => AuthError::UnknownKey,
                false => AuthError::KeysUnavailable,
            });
        };
        entry.validity.check(now)?;
        Ok(Caller {
            client: client(&entry.client).ok_or(AuthError::KeyClientUnknown)?,
            credential: CredentialKind::Key(entry.slot),
            key: None,
            user: None,
            entitlements: None,
        })
    }

    /// Whose key it is, valid or not.
    pub(crate) fn described(&self, digest: &KeyDigest) -> Option<Described> {
        let entry = self
            .keys
            .get(digest)
            .filter(|it| it.digest.matches(digest))?;
        Some(Described {
            client: Some(entry.client.to_shared()),
            slot: Some(entry.slot),
            key_id: Some(Arc::clone(&entry.id.0)),
            ..Described::default()
        })
    }

    /// Every key, in no order.
    pub fn held(&self) -> Vec<HeldKey> {
        let held = |entry: dashmap::mapref::multiple::RefMulti<'_, KeyDigest, Entry>| HeldKey {
            id: entry.id.clone(),
            digest: entry.digest,
            client: entry.client.clone(),
            slot: entry.slot,
            validity: entry.validity,
        };
        self.keys.iter().map(held).collect()
    }

    /// How many there are, by state.
    pub fn counts(&self) -> KeyCounts {
        let mut counts = KeyCounts::default();
        for entry in &self.keys {
            match entry.validity.state {
                KeyState::Active => counts.active += 1,
                KeyState::Suspended => counts.suspended += 1,
                KeyState::Revoked => counts.revoked += 1,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;
