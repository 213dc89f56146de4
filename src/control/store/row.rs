//! A key as a row, and a row as a key.

use std::time::SystemTime;

use crate::access::ClientId;
use crate::auth::{IssuedKey, KeyDigest, KeyEvent, KeyId, KeySlot, KeyState, Validity};
use crate::database::DatabaseError;
use crate::unix_time;

/// The columns of [`Row`], in its order.
macro_rules! columns {
    () => {
        "id, sha256, client, slot, state, not_before, not_after, replaced_by, \
         issued_at, issued_by, changed_at, changed_by, version"
    };
}
pub(super) use columns;

pub(super) type Row = (
    String,
    String,
    String,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<String>,
    i64,
    String,
    i64,
    String,
    i64,
);

/// What a row says. Every word of it is one that this program writes.
pub(super) fn key(row: Row) -> Result<IssuedKey, DatabaseError> {
    let (id, sha256, client, slot, state, from, until, successor, at, by, changed_at, who, version) =
        row;
    let strange = |what: &str| DatabaseError::Row(format!("the {what} of the key `{id}`"));
    let parsed = |text: &str, what| KeyId::parse(text).ok_or_else(|| strange(what));
    Ok(IssuedKey {
        digest: KeyDigest::from_hex(&sha256).ok_or_else(|| strange("digest"))?,
        slot: KeySlot::parse(&slot).ok_or_else(|| strange("slot"))?,
        validity: Validity {
            not_before: from.map(moment),
            not_after: until.map(moment),
            state: KeyState::parse(&state).ok_or_else(|| strange("state"))?,
        },
        replaced_by: successor.map(|it| parsed(&it, "successor")).transpose()?,
        id: parsed(&id, "id")?,
        client: ClientId::new(client),
        issued: KeyEvent { by, at: moment(at) },
        changed: KeyEvent {
            by: who,
            at: moment(changed_at),
        },
        version,
    })
}

/// The moment of such a number.
pub(super) fn moment(millis: i64) -> SystemTime {
    unix_time::of_millis(millis).unwrap_or(SystemTime::UNIX_EPOCH)
}
