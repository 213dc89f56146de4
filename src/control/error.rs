//! Why a command was not carried out.

use crate::auth::KeySlot;
use crate::control::store::KeyChangeError;

/// Why a command was not carried out. The messages are for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Not a name that the configuration has.
    #[error("there is no client `{0}` in the configuration of this service")]
    UnknownClient(String),
    /// There is nothing to do.
    #[error("the keys of `{0}` are its own already")]
    SameClient(String),
    /// The configuration's key is looked up first, so the slot is its.
    #[error(
        "the {slot} slot of `{client}` has a key in the configuration file: take it out there, or issue into the other slot",
        slot = slot.as_str()
    )]
    SlotInFile {
        /// The client.
        client: String,
        /// Which slot.
        slot: KeySlot,
    },
    /// The key would never be valid.
    #[error(
        "the key would never be valid: its end is not after its beginning, or has already passed"
    )]
    NeverValid,
    /// Not the form of an id.
    #[error("`{0}` is not a key id: `tollgate key list` shows them")]
    NoId(String),
    /// A message that can't be read.
    #[error("the request can't be read: {0}")]
    Malformed(&'static str),
    /// The database could not be opened yet.
    #[error("the service could not open its database yet; its log says why. Nothing was changed")]
    NotOpen,
    /// The system's random number generator failed.
    #[error("the system's random number generator failed: {0}")]
    Random(String),
    /// The store's own.
    #[error(transparent)]
    Change(#[from] KeyChangeError),
}
