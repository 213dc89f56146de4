//! Keys for a person, or as JSON.

use std::time::SystemTime;

use comfy_table::{Table, presets};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::plain::printable;
use crate::control::v1::{Key, Slot, State};
use crate::unix_time;

/// The key on the first line, as `key generate` prints it; the rest are comments.
pub(super) fn issued(key: &Key, secret: &str, old: Option<&Key>) -> String {
    let mut text = format!(
        "{secret}\n\
         # Above is the {} key of `{}`. It is shown only now: hand it over, and keep no copy.\n\
         # Key id: {}. Good {}.\n",
        slot(key),
        key.client,
        key.id,
        validity(key),
    );
    if let Some(old) = old {
        text.push_str(&format!(
            "# The key `{}` stays valid {}.\n",
            old.id,
            validity(old)
        ));
    }
    text
}

/// What became of a key.
pub(super) fn changed(key: Option<Key>) -> String {
    let key = key.unwrap_or_default();
    format!(
        "the key `{}` of `{}` is {}\n",
        key.id,
        key.client,
        state(&key)
    )
}

pub(super) fn table(keys: &[Key]) -> String {
    if keys.is_empty() {
        return "no key was issued\n".to_owned();
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["id", "client", "slot", "state", "good", "issued", "changed"]);
    for key in keys {
        let state = match &key.replaced_by {
            Some(successor) => format!("{}, replaced by {successor}", state(key)),
            None => state(key).to_owned(),
        };
        let cells = [
            key.id.clone(),
            key.client.clone(),
            slot(key).to_owned(),
            state,
            validity(key),
            format!("{} by {}", moment(key.issued_at_ms), key.issued_by),
            format!("{} by {}", moment(key.changed_at_ms), key.changed_by),
        ];
        table.add_row(cells.map(|cell| printable(&cell).into_owned()));
    }
    format!("{table}\n")
}

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    client: &'a str,
    slot: &'static str,
    state: &'static str,
    not_before: Option<String>,
    not_after: Option<String>,
    replaced_by: Option<&'a str>,
    issued_at: String,
    issued_by: &'a str,
    changed_at: String,
    changed_by: &'a str,
}

impl<'a> Shown<'a> {
    fn of(key: &'a Key) -> Self {
        Self {
            id: &key.id,
            client: &key.client,
            slot: slot(key),
            state: state(key),
            not_before: key.not_before_ms.map(moment),
            not_after: key.not_after_ms.map(moment),
            replaced_by: key.replaced_by.as_deref(),
            issued_at: moment(key.issued_at_ms),
            issued_by: &key.issued_by,
            changed_at: moment(key.changed_at_ms),
            changed_by: &key.changed_by,
        }
    }
}

pub(super) fn json(keys: &[Key]) -> Result<String, String> {
    let all: Vec<_> = keys.iter().map(Shown::of).collect();
    let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn slot(key: &Key) -> &'static str {
    match key.slot() {
        Slot::Primary => "primary",
        Slot::Secondary => "secondary",
        Slot::Unspecified => "unknown",
    }
}

fn state(key: &Key) -> &'static str {
    match key.state() {
        State::Active => "active",
        State::Suspended => "suspended",
        State::Revoked => "revoked",
        State::Unspecified => "unknown",
    }
}

fn validity(key: &Key) -> String {
    match (key.not_before_ms, key.not_after_ms) {
        (None, None) => "without an end".to_owned(),
        (Some(from), None) => format!("from {}", moment(from)),
        (None, Some(until)) => format!("until {}", moment(until)),
        (Some(from), Some(until)) => format!("from {} until {}", moment(from), moment(until)),
    }
}

/// RFC 3339, to the second.
fn moment(millis: i64) -> String {
    let moment = unix_time::of_millis(millis).unwrap_or(SystemTime::UNIX_EPOCH);
    let moment = OffsetDateTime::from(moment);
    let whole = moment.replace_nanosecond(0).unwrap_or(moment);
    whole.format(&Rfc3339).unwrap_or_default()
}
