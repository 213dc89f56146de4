//! What can be done with keys while the service runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::ControlError;
use super::replica::Replica;
use crate::access::ClientId;
use crate::auth::{
    ConfiguredKey, IssuedKey, Key, KeyDigest, KeyEvent, KeyId, KeySlot, KeyState, Validity,
};
use crate::control::store::{End, KeyStore, NewKey, Which};
use crate::usage::{KeyUsage, KeyUses};

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
    /// Given to another client.
    Move,
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
            Self::Move => "move",
        }
    }
}

/// What the configuration says of clients, now.
pub trait Clients: Send + Sync {
    /// Whether there is such a client.
    fn is_known(&self, client: &ClientId) -> bool;

    /// Whether the client has a key of the configuration in a slot.
    fn has_key(&self, client: &ClientId, slot: KeySlot, now: SystemTime) -> bool;

    /// The keys of the configuration.
    fn configured_keys(&self) -> Vec<ConfiguredKey>;
}

/// Who hears of changes: metrics and audit log.
pub trait KeyEvents: Send + Sync {
    /// A key was changed; `key.changed` says by whom and when.
    fn changed(&self, action: KeyAction, key: &IssuedKey);

    /// A key was given to another client.
    fn moved(&self, from: &ClientId, key: &IssuedKey);
}

/// Until when a key is good that takes another one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewEnd {
    /// Until the other one would have been.
    Kept,
    /// For ever.
    Never,
    /// Until just before this moment.
    At(SystemTime),
}

/// What is known of keys.
pub struct ListedKeys {
    /// Those that were issued: by client, slot, and moment of issue.
    pub issued: Vec<IssuedKey>,
    /// Those of the configuration, where they were asked for: by client and slot.
    pub configured: Vec<ConfiguredKey>,
    /// When they were used, or why that is not known.
    pub uses: Result<KeyUses, String>,
}

/// The commands.
pub struct KeyCommands {
    replica: Arc<Replica>,
    clients: Arc<dyn Clients>,
    events: Arc<dyn KeyEvents>,
    usage: Option<KeyUsage>,
}

impl KeyCommands {
    /// Commands on the keys of a database.
    pub fn new(
        replica: Arc<Replica>,
        clients: Arc<dyn Clients>,
        events: Arc<dyn KeyEvents>,
        usage: Option<KeyUsage>,
    ) -> Self {
        Self {
            replica,
            clients,
            events,
            usage,
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

    /// Makes a key in the place of another one, which stays good for `grace`: the new one, the old one as it
    /// was, and as it is now.
    ///
    /// # Errors
    /// [`ControlError`]; then nothing was changed.
    pub async fn rotate(
        &self,
        id: &KeyId,
        grace: Duration,
        end: NewEnd,
        event: &KeyEvent,
    ) -> Result<(Key, [IssuedKey; 3]), ControlError> {
        let (not_after, end) = match end {
            NewEnd::Kept => (None, End::Kept),
            NewEnd::Never => (None, End::New),
            NewEnd::At(moment) => (Some(moment), End::New),
        };
        let validity = Validity {
            not_after,
            ..Validity::default()
        };
        let (key, new) = new_key(validity, event.at)?;
        let all = self.store()?.rotate(id, &new, grace, end, event).await?;
        let [issued, _, old] = &all;
        self.tell(KeyAction::Rotate, issued);
        self.tell(KeyAction::Replace, old);
        Ok((key, all))
    }

    /// Gives keys to another client.
    ///
    /// # Errors
    /// [`ControlError`]; then no key was moved.
    pub async fn relocate(
        &self,
        which: &Which,
        to: &ClientId,
        event: &KeyEvent,
    ) -> Result<Vec<IssuedKey>, ControlError> {
        if !self.clients.is_known(to) {
            return Err(ControlError::UnknownClient(to.to_string()));
        }
        if let Which::Of(from) = which
            && from == to
        {
            return Err(ControlError::SameClient(to.to_string()));
        }
        let mut in_file = vec![KeySlot::Primary, KeySlot::Secondary];
        in_file.retain(|slot| self.clients.has_key(to, *slot, event.at));
        let moved = self.store()?.relocate(which, to, &in_file, event).await?;
        for (from, key) in &moved {
            self.replica.keys().apply(std::slice::from_ref(key));
            self.events.moved(from, key);
        }
        Ok(moved.into_iter().map(|(_, key)| key).collect())
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

    /// The keys of a client or of all.
    ///
    /// # Errors
    /// [`ControlError`]
    pub async fn list(
        &self,
        client: Option<&ClientId>,
        with_configured: bool,
    ) -> Result<ListedKeys, ControlError> {
        let issued = self.list_issued(client).await?;
        let mut configured = match with_configured {
            true => self.clients.configured_keys(),
            false => Vec::new(),
        };
        configured.retain(|key| client.is_none_or(|it| *it == key.client));
        configured.sort_by(|a, b| {
            let of = |key: &ConfiguredKey| (key.client.to_shared(), key.slot.as_str());
            of(a).cmp(&of(b))
        });
        Ok(ListedKeys {
            issued,
            configured,
            uses: self.uses().await,
        })
    }

    /// Whether the configuration has a client.
    pub fn is_known(&self, client: &ClientId) -> bool {
        self.clients.is_known(client)
    }

    async fn uses(&self) -> Result<KeyUses, String> {
        match &self.usage {
            Some(usage) => usage.last().await.map_err(|error| error.to_string()),
            None => Err("this service keeps no ledger: it has no `data_directory`".to_owned()),
        }
    }

    async fn list_issued(&self, client: Option<&ClientId>) -> Result<Vec<IssuedKey>, ControlError> {
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
