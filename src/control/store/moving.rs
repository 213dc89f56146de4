//! Keys that go to another client, because theirs was renamed.

use super::change::Change;
use super::error::KeyChangeError;
use super::keys::{KeyStore, changed, to_the_millisecond};
use crate::access::ClientId;
use crate::auth::{IssuedKey, KeyEvent, KeyId, KeySlot, KeyState};

/// Which keys are moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of a client, those that are revoked or have expired, too: they say whose they were.
    Of(ClientId),
    /// One that is not revoked.
    One(KeyId),
}

impl KeyStore {
    /// Gives keys to a client, all or none: whose each was, and what it is now. `in_file` are the slots in
    /// which the configuration has keys of the client.
    ///
    /// # Errors
    /// [`KeyChangeError`] where there are no such keys, or two would be in one slot, or the database's.
    pub async fn relocate(
        &self,
        which: &Which,
        to: &ClientId,
        in_file: &[KeySlot],
        event: &KeyEvent,
    ) -> Result<Vec<(ClientId, IssuedKey)>, KeyChangeError> {
        changed(async {
            let mut change = Change::begin(&self.0).await?;
            let keys = match which {
                Which::Of(client) => change.keys_of(client).await?,
                Which::One(id) => vec![change.key(id).await?],
            };
            if let (Which::Of(client), []) = (which, keys.as_slice()) {
                return Err(KeyChangeError::NoKeys(client.clone()));
            }
            let mut moved = Vec::new();
            for mut key in keys {
                if key.client == *to {
                    let (id, client) = (key.id, key.client);
                    return Err(KeyChangeError::AlreadyThere { id, client });
                }
                make_room(&mut change, &key, to, in_file, event).await?;
                if !moved.is_empty() {
                    change.next().await?;
                }
                let from = std::mem::replace(&mut key.client, to.clone());
                key.changed = to_the_millisecond(event);
                key.version = change.version;
                change.update(&key).await?;
                moved.push((from, key));
            }
            change.commit().await?;
            Ok(moved)
        })
        .await
    }
}

/// Refuses a key whose slot another one has.
async fn make_room(
    change: &mut Change,
    key: &IssuedKey,
    to: &ClientId,
    in_file: &[KeySlot],
    event: &KeyEvent,
) -> Result<(), KeyChangeError> {
    let validity = &key.validity;
    let holds_its_slot = validity.state != KeyState::Revoked
        && key.replaced_by.is_none()
        && validity.not_after.is_none_or(|end| end > event.at);
    if !holds_its_slot {
        return Ok(());
    }
    let of_file = in_file.contains(&key.slot);
    let taken_by = match of_file {
        true => Some("of the configuration file".to_owned()),
        false => {
            let holder = change.holder(to, key.slot, event.at).await?;
            holder.map(|id| format!("`{id}`"))
        }
    };
    match taken_by {
        None => Ok(()),
        Some(taken_by) => Err(KeyChangeError::NoRoom {
            id: key.id.clone(),
            slot: key.slot,
            client: to.clone(),
            taken_by,
        }),
    }
}
