//! What can be done with keys while the service runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::ControlError;
use super::replica::Replica;
use crate::access::ClientId;
use crate::auth::{IssuedKey, Key, KeyDigest, KeyEvent, KeyId, KeySlot, KeyState, Validity};
use crate::control::store::{KeyStore, NewKey};

/// The change of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// Made in a free slot.
    Issue,
    /// Made in the place of another one.
    Rotate,
    /// Replaced by another one.
    Replace,
    /// Stopped for ever.
    Revoke,
    /// Stopped for now.
    Suspend,
    /// Taken into use again.
    Resume,
}

impl KeyAction {
    /// The name in audit log and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Rotate => "rotate",
            Self::Replace => "replace",
            Self::Revoke => "revoke",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
        }
    }
}

/// What the configuration says of clients, now.
pub trait Clients: Send + Sync {
    /// Whether there is such a client.
    fn is_known(&self, client: &ClientId) -> bool;

    /// Whether the client has a key of the configuration in a slot.
    fn has_key(&self, client: &ClientId, slot: KeySlot, now: SystemTime) -> bool;
}

/// Who hears of changes: metrics and audit log.
pub trait KeyEvents: Send + Sync {
    /// A key was changed; `key.changed` says by whom and when.
    fn changed(&self, action: KeyAction, key: &IssuedKey);
}

/// The commands.
pub struct KeyCommands {
    replica: Arc<Replica>,
    clients: Arc<dyn Clients>,
    events: Arc<dyn KeyEvents>,
}

impl KeyCommands {
    /// Commands on the keys of a database.
    pub fn new(
        replica: Arc<Replica>,
        clients: Arc<dyn Clients>,
        events: Arc<dyn KeyEvents>,
    ) -> Self {
        Self {
            replica,
            clients,
            events,
        }
    }

    /// Makes a key in a free slot of a client.
    ///
    /// # Errors
    /// [`ControlError`]; then no key was made.
    pub async fn issue(
        &self,
        client: &ClientId,
        slot: KeySlot,
        validity: Validity,
        event: &KeyEvent,
    ) -> Result<(Key, IssuedKey), ControlError> {
        if !self.clients.is_known(client) {
            return Err(ControlError::UnknownClient(client.to_string()));
        }
        if self.clients.has_key(client, slot, event.at) {
            let client = client.to_string();
            return Err(ControlError::SlotInFile { client, slot });
        }
        let (key, new) = new_key(validity, event.at)?;
        let issued = self.store()?.issue(client, slot, &new, event).await?;
        self.tell(KeyAction::Issue, &issued);
        Ok((key, issued))
    }

    /// Makes a key in the place of another one, which stays good for `grace`: the new one, the old one.
    ///
    /// # Errors
    /// [`ControlError`]; then nothing was changed.
    pub async fn rotate(
        &self,
        id: &KeyId,
        grace: Duration,
        not_after: Option<SystemTime>,
        event: &KeyEvent,
    ) -> Result<(Key, [IssuedKey; 2]), ControlError> {
        let (key, new) = new_key(
            Validity {
                not_after,
                ..Validity::default()
            },
            event.at,
        )?;
        let both = self.store()?.rotate(id, &new, grace, event).await?;
        let [issued, old] = &both;
        self.tell(KeyAction::Rotate, issued);
        self.tell(KeyAction::Replace, old);
        Ok((key, both))
    }

    /// Revokes, suspends or resumes a key.
    ///
    /// # Errors
    /// [`ControlError`]; then nothing was changed.
    pub async fn set_state(
        &self,
        id: &KeyId,
        state: KeyState,
        event: &KeyEvent,
    ) -> Result<IssuedKey, ControlError> {
        let key = self.store()?.set_state(id, state, event).await?;
        let action = match state {
            KeyState::Active => KeyAction::Resume,
            KeyState::Suspended => KeyAction::Suspend,
            KeyState::Revoked => KeyAction::Revoke,
        };
        self.tell(action, &key);
        Ok(key)
    }

    /// The keys of a client or of all: by client, slot, and moment of issue.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn list(&self, client: Option<&ClientId>) -> Result<Vec<IssuedKey>, ControlError> {
        let listed = self.store()?.list(client).await;
        let mut keys = listed.map_err(|error| ControlError::Change(error.into()))?;
        if let Some(client) = client
            && keys.is_empty()
            && !self.clients.is_known(client)
        {
            return Err(ControlError::UnknownClient(client.to_string()));
        }
        keys.sort_by(|a, b| {
            let of = |key: &IssuedKey| (key.client.to_shared(), key.slot.as_str(), key.issued.at);
            of(a).cmp(&of(b))
        });
        Ok(keys)
    }

    fn store(&self) -> Result<&KeyStore, ControlError> {
        self.replica.store().ok_or(ControlError::NotOpen)
    }

    /// What was changed here is honoured here at once; other replicas see it when they next ask.
    fn tell(&self, action: KeyAction, key: &IssuedKey) {
        self.replica.keys().apply(std::slice::from_ref(key));
        self.events.changed(action, key);
    }
}

/// A key in the clear, and what is stored of it.
fn new_key(validity: Validity, now: SystemTime) -> Result<(Key, NewKey), ControlError> {
    let Validity {
        not_before,
        not_after,
        ..
    } = validity;
    let begins = not_before.unwrap_or(now).max(now);
    if not_after.is_some_and(|end| end <= begins) {
        return Err(ControlError::NeverValid);
    }
    let key = Key::generate().map_err(|error| ControlError::Random(error.to_string()))?;
    let made = KeyId::parse(key.id()).zip(KeyDigest::of_presented(key.expose()).ok());
    let (id, digest) = made.ok_or(ControlError::Malformed("the generated key is not valid"))?;
    let new = NewKey {
        id,
        digest,
        not_before,
        not_after,
    };
    Ok((key, new))
}
