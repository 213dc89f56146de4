//! Between the plain types and the messages.

use std::time::{Duration, SystemTime};

use tonic::{Code, Status};

use super::error::ControlError;
use super::v1;
use crate::access::ClientId;
use crate::auth::{ConfiguredKey, IssuedKey, KeyId, KeySlot, KeyState};
use crate::control::command::{ListedKeys, NewEnd};
use crate::control::store::{KeyChangeError, Which};
use crate::unix_time::{self, millis};

/// Ids of clients are shorter: `config` says so.
const MAX_CLIENT_BYTES: usize = 64;

const fn slot_message(slot: KeySlot) -> v1::Slot {
    match slot {
        KeySlot::Primary => v1::Slot::Primary,
        KeySlot::Secondary => v1::Slot::Secondary,
    }
}

const fn state_message(state: KeyState) -> v1::State {
    match state {
        KeyState::Active => v1::State::Active,
        KeyState::Suspended => v1::State::Suspended,
        KeyState::Revoked => v1::State::Revoked,
    }
}

pub(super) fn key(key: &IssuedKey) -> v1::Key {
    v1::Key {
        id: key.id.to_string(),
        client: key.client.to_string(),
        slot: slot_message(key.slot).into(),
        state: state_message(key.validity.state).into(),
        not_before_ms: key.validity.not_before.map(millis),
        not_after_ms: key.validity.not_after.map(millis),
        replaced_by: key.replaced_by.as_ref().map(KeyId::to_string),
        issued_at_ms: millis(key.issued.at),
        issued_by: key.issued.by.clone(),
        changed_at_ms: millis(key.changed.at),
        changed_by: key.changed.by.clone(),
        sha256: key.digest.short(),
        ..v1::Key::default()
    }
}

fn configured_key(key: &ConfiguredKey) -> v1::Key {
    v1::Key {
        client: key.client.to_string(),
        slot: slot_message(key.slot).into(),
        state: state_message(key.validity.state).into(),
        not_before_ms: key.validity.not_before.map(millis),
        not_after_ms: key.validity.not_after.map(millis),
        sha256: key.digest.short(),
        is_configured: true,
        ..v1::Key::default()
    }
}

/// A list: what is known of last uses, then the keys.
pub(super) fn list(
    listed: &ListedKeys,
    is_known: impl Fn(&ClientId) -> bool,
) -> Vec<v1::ListResponse> {
    let uses = listed.uses.as_ref();
    let head = v1::ListResponse {
        last_uses: Some(v1::LastUses {
            since_ms: uses.ok().map(|it| it.since_ms),
            unknown: uses.err().cloned().unwrap_or_default(),
        }),
        key: None,
    };
    let issued = listed.issued.iter().map(|it| v1::Key {
        client_is_gone: !is_known(&it.client),
        ..key(it)
    });
    let keys = issued.chain(listed.configured.iter().map(configured_key));
    let used = |mut key: v1::Key| {
        if let Some(last) = uses.ok().and_then(|it| it.of(&key.sha256)) {
            key.last_used_ms = Some(last.last_ms);
            if key.id.is_empty() {
                key.id.clone_from(&last.key_id);
            }
        }
        v1::ListResponse {
            key: Some(key),
            last_uses: None,
        }
    };
    std::iter::once(head).chain(keys.map(used)).collect()
}

/// Until when the key is good that takes another one's place.
pub(super) fn new_end(asked: &v1::RotateRequest) -> Result<NewEnd, ControlError> {
    match (moment(asked.not_after_ms)?, asked.without_end) {
        (Some(_), true) => Err(ControlError::Malformed("an end, and none")),
        (Some(end), false) => Ok(NewEnd::At(end)),
        (None, true) => Ok(NewEnd::Never),
        (None, false) => Ok(NewEnd::Kept),
    }
}

/// Which keys are moved.
pub(super) fn which(asked: &v1::MoveRequest) -> Result<Which, ControlError> {
    match (asked.from.as_str(), asked.id.as_str()) {
        ("", one) => Ok(Which::One(id(one)?)),
        (from, "") => Ok(Which::Of(client(from)?)),
        _ => Err(ControlError::Malformed("a client and a key")),
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
            ControlError::UnknownClient(_)
            | ControlError::Change(Change::NotFound(_) | Change::NoKeys(_)) => Code::NotFound,
            ControlError::NeverValid
            | ControlError::SameClient(_)
            | ControlError::NoId(_)
            | ControlError::Malformed(_) => Code::InvalidArgument,
            ControlError::SlotInFile { .. }
            | ControlError::Change(Change::SlotTaken { .. } | Change::NoRoom { .. }) => {
                Code::AlreadyExists
            }
            ControlError::NotOpen | ControlError::Change(Change::Database(_)) => Code::Unavailable,
            ControlError::Random(_) => Code::Internal,
            ControlError::Change(_) => Code::FailedPrecondition,
        };
        Self::new(code, error.to_string())
    }
}
