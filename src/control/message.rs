//! Between the plain types and the messages.

use std::time::{Duration, SystemTime};

use tonic::{Code, Status};

use super::error::ControlError;
use super::v1;
use crate::access::ClientId;
use crate::auth::{IssuedKey, KeyId, KeySlot, KeyState};
use crate::control::store::KeyChangeError;
use crate::unix_time::{self, millis};

/// Ids of clients are shorter: `config` says so.
const MAX_CLIENT_BYTES: usize = 64;

pub(super) fn key(key: &IssuedKey) -> v1::Key {
    let slot = match key.slot {
        KeySlot::Primary => v1::Slot::Primary,
        KeySlot::Secondary => v1::Slot::Secondary,
    };
    let state = match key.validity.state {
        KeyState::Active => v1::State::Active,
        KeyState::Suspended => v1::State::Suspended,
        KeyState::Revoked => v1::State::Revoked,
    };
    v1::Key {
        id: key.id.to_string(),
        client: key.client.to_string(),
        slot: slot.into(),
        state: state.into(),
        not_before_ms: key.validity.not_before.map(millis),
        not_after_ms: key.validity.not_after.map(millis),
        replaced_by: key.replaced_by.as_ref().map(KeyId::to_string),
        issued_at_ms: millis(key.issued.at),
        issued_by: key.issued.by.clone(),
        changed_at_ms: millis(key.changed.at),
        changed_by: key.changed.by.clone(),
    }
}

pub(super) fn client(text: &str) -> Result<ClientId, ControlError> {
    match text.len() {
        1..=MAX_CLIENT_BYTES => Ok(ClientId::new(text)),
        _ => Err(ControlError::Malformed(
            "the id of a client is missing or too long",
        )),
    }
}

pub(super) fn id(text: &str) -> Result<KeyId, ControlError> {
    KeyId::parse(text).ok_or_else(|| {
        // Somebody may have pasted the key itself: it must not come back in an error.
        let shown = text.get(..text.len().min(10)).unwrap_or_default();
        ControlError::NoId(format!("{shown}…"))
    })
}

pub(super) fn slot(number: i32) -> Result<KeySlot, ControlError> {
    match v1::Slot::try_from(number) {
        Ok(v1::Slot::Primary) => Ok(KeySlot::Primary),
        Ok(v1::Slot::Secondary) => Ok(KeySlot::Secondary),
        Ok(v1::Slot::Unspecified) | Err(_) => Err(ControlError::Malformed("not a key slot")),
    }
}

pub(super) fn moment(millis: Option<i64>) -> Result<Option<SystemTime>, ControlError> {
    let Some(millis) = millis else {
        return Ok(None);
    };
    unix_time::of_millis(millis)
        .map(Some)
        .ok_or(ControlError::Malformed(
            "a time before 1970 or out of range",
        ))
}

pub(super) fn grace(millis: i64) -> Result<Duration, ControlError> {
    let grace = u64::try_from(millis).map(Duration::from_millis);
    grace.map_err(|_| ControlError::Malformed("a negative grace period"))
}

impl From<ControlError> for Status {
    fn from(error: ControlError) -> Self {
        use KeyChangeError as Change;
        let code = match &error {
            ControlError::UnknownClient(_) | ControlError::Change(Change::NotFound(_)) => {
                Code::NotFound
            }
            ControlError::NeverValid | ControlError::NoId(_) | ControlError::Malformed(_) => {
                Code::InvalidArgument
            }
            ControlError::SlotInFile { .. } | ControlError::Change(Change::SlotTaken { .. }) => {
                Code::AlreadyExists
            }
            ControlError::NotOpen | ControlError::Change(Change::Database(_)) => Code::Unavailable,
            ControlError::Random(_) => Code::Internal,
            ControlError::Change(_) => Code::FailedPrecondition,
        };
        Self::new(code, error.to_string())
    }
}
