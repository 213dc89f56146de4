//! Changes of keys in the audit log.

use serde::Serialize;

use super::rfc3339;
use crate::auth::IssuedKey;
use crate::control::KeyAction;

/// A change of a key that was issued at run time; docs/authentication.md lists the members.
#[derive(Serialize)]
pub(super) struct KeyLine<'a> {
    event: &'static str,
    time: String,
    action: &'static str,
    key: &'a str,
    client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    slot: &'static str,
    state: &'static str,
    not_before: Option<String>,
    not_after: Option<String>,
    by: &'a str,
}

impl<'a> KeyLine<'a> {
    pub(super) fn of(action: KeyAction, key: &'a IssuedKey, from: Option<&'a str>) -> Self {
        Self {
            event: "key",
            time: rfc3339(key.changed.at),
            action: action.as_str(),
            key: key.id.as_str(),
            client: key.client.as_str(),
            from,
            slot: key.slot.as_str(),
            state: key.validity.state.as_str(),
            not_before: key.validity.not_before.map(rfc3339),
            not_after: key.validity.not_after.map(rfc3339),
            by: &key.changed.by,
        }
    }
}
