//! Why a key was not changed.

use crate::access::ClientId;
use crate::auth::{KeyId, KeySlot, KeyState};
use crate::database::DatabaseError;

/// Why a key was not changed. The messages are for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// No key has the id.
    #[error("there is no key `{0}` among those that were issued")]
    NotFound(KeyId),
    /// The client has a key there.
    #[error("the {slot} slot of this client has the key `{id}`: rotate it, or issue into the other slot", slot = slot.as_str())]
    SlotTaken {
        /// Which slot.
        slot: KeySlot,
        /// The key in it.
        id: KeyId,
    },
    /// What is revoked stays so.
    #[error("the key `{0}` is revoked, which is permanent: issue another one")]
    Revoked(KeyId),
    /// It is in this state already.
    #[error("the key `{id}` is already {state}", state = state.as_str())]
    Unchanged {
        /// The key.
        id: KeyId,
        /// Its state.
        state: KeyState,
    },
    /// Only a key that is in use can be rotated.
    #[error("the key `{0}` is suspended: resume it first, or revoke it and issue another one")]
    Suspended(KeyId),
    /// A key that has ended needs no grace.
    #[error("the key `{0}` has expired: issue another one")]
    Expired(KeyId),
    /// It has been rotated.
    #[error("the key `{id}` was already replaced by `{by}`: rotate that one")]
    Replaced {
        /// The key.
        id: KeyId,
        /// Its successor.
        by: KeyId,
    },
    /// There is nothing to move.
    #[error("`{0}` has no issued keys: `tollgate key list` shows whose there are")]
    NoKeys(ClientId),
    /// It need not be moved.
    #[error("the key `{id}` is already a key of `{client}`")]
    AlreadyThere {
        /// The key.
        id: KeyId,
        /// Whose it is.
        client: ClientId,
    },
    /// Two keys in one slot.
    #[error(
        "the key `{id}` can't be moved: the {slot} slot of `{client}` has the key {taken_by}. Revoke one of the two first; no key was moved",
        slot = slot.as_str()
    )]
    NoRoom {
        /// The key.
        id: KeyId,
        /// Which slot.
        slot: KeySlot,
        /// Where it should go.
        client: ClientId,
        /// The key that is there.
        taken_by: String,
    },
    /// The database's own.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for KeyChangeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
