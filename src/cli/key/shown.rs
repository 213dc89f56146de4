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

/// What has become of the end that the key had which was replaced.
pub(super) fn end_of_rotated(key: &Key, old_end_ms: Option<i64>) -> String {
    let Some(old_end) = old_end_ms else {
        return String::new();
    };
    match key.not_after_ms {
        Some(end) if end == old_end => "# It ends when the old key would have ended: --not-after sets another end, --without-end none.\n".to_owned(),
        Some(_) => format!("# The old key would have ended {}.\n", moment(old_end)),
        None => format!(
            "# The old key would have ended {}: this one has no end.\n",
            moment(old_end)
        ),
    }
}

/// Which keys another client has now.
pub(super) fn moved(keys: &[Key]) -> String {
    let line = |key: &Key| {
        format!(
            "the {} key `{}` is a key of `{}` now\n",
            slot(key),
            key.id,
            key.client
        )
    };
    keys.iter().map(line).collect()
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

/// Keys with their last use, of which `known_since` says since when it is written down.
pub(super) fn table(keys: &[Key], known_since: Option<i64>) -> String {
    if keys.is_empty() {
        return "no key was issued\n".to_owned();
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "id",
        "client",
        "slot",
        "state",
        "good",
        "last used",
        "issued",
        "changed",
    ]);
    for key in keys {
        let by = |at: i64, who: &str| match key.is_configured {
            true => "in the configuration".to_owned(),
            false => format!("{} by {who}", moment(at)),
        };
        let state = match &key.replaced_by {
            Some(successor) => format!("{}, replaced by {successor}", state(key)),
            None => state(key).to_owned(),
        };
        let cells = [
            match key.id.as_str() {
                "" => format!("sha256 {}…", key.sha256),
                id => id.to_owned(),
            },
            match key.client_is_gone {
                true => format!("{} (not in the configuration)", key.client),
                false => key.client.clone(),
            },
            slot(key).to_owned(),
            state,
            validity(key),
            last_used(key, known_since),
            by(key.issued_at_ms, &key.issued_by),
            by(key.changed_at_ms, &key.changed_by),
        ];
        table.add_row(cells.map(|cell| printable(&cell).into_owned()));
    }
    format!("{table}\n")
}

/// The last use: `never` only of a key that was issued after uses were first written down.
fn last_used(key: &Key, known_since: Option<i64>) -> String {
    let is_known_from_the_first = |since: i64| !key.is_configured && key.issued_at_ms >= since;
    match (key.last_used_ms, known_since) {
        (Some(last), _) => moment(last),
        (None, None) => "unknown".to_owned(),
        (None, Some(since)) if is_known_from_the_first(since) => "never".to_owned(),
        (None, Some(since)) => format!("never since {}", moment(since)),
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    /// None for a key of the configuration that was never used.
    id: Option<&'a str>,
    /// The first digits.
    sha256: &'a str,
    /// `configuration` or `issued`.
    from: &'static str,
    client: &'a str,
    client_is_known: bool,
    slot: &'static str,
    state: &'static str,
    not_before: Option<String>,
    not_after: Option<String>,
    replaced_by: Option<&'a str>,
    last_used: Option<String>,
    /// Where there is no last use: none since then; nobody knows where this is none, too.
    uses_known_since: Option<String>,
    issued_at: Option<String>,
    issued_by: Option<&'a str>,
    changed_at: Option<String>,
    changed_by: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn of(key: &'a Key, known_since: Option<i64>) -> Self {
        let is_issued = !key.is_configured;
        Self {
            id: (!key.id.is_empty()).then_some(key.id.as_str()),
            sha256: &key.sha256,
            from: if is_issued { "issued" } else { "configuration" },
            client: &key.client,
            client_is_known: !key.client_is_gone,
            slot: slot(key),
            state: state(key),
            not_before: key.not_before_ms.map(moment),
            not_after: key.not_after_ms.map(moment),
            replaced_by: key.replaced_by.as_deref(),
            last_used: key.last_used_ms.map(moment),
            uses_known_since: known_since.map(moment),
            issued_at: is_issued.then(|| moment(key.issued_at_ms)),
            issued_by: is_issued.then_some(key.issued_by.as_str()),
            changed_at: is_issued.then(|| moment(key.changed_at_ms)),
            changed_by: is_issued.then_some(key.changed_by.as_str()),
        }
    }
}

pub(super) fn json(keys: &[Key], known_since: Option<i64>) -> Result<String, String> {
    let shown = |key| Shown::of(key, known_since);
    let all: Vec<_> = keys.iter().map(shown).collect();
    let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

#[derive(Serialize)]
struct ShownUnused<'a> {
    not_used_since: String,
    keys: Vec<Shown<'a>>,
}

/// Keys that nobody has used since a moment, and since when that is known.
pub(super) fn unused_json(keys: &[Key], since: i64, known_since: i64) -> Result<String, String> {
    let shown = |key| Shown::of(key, Some(known_since));
    let all = ShownUnused {
        not_used_since: moment(since),
        keys: keys.iter().map(shown).collect(),
    };
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
pub(super) fn moment(millis: i64) -> String {
    let moment = unix_time::of_millis(millis).unwrap_or(SystemTime::UNIX_EPOCH);
    let moment = OffsetDateTime::from(moment);
    let whole = moment.replace_nanosecond(0).unwrap_or(moment);
    whole.format(&Rfc3339).unwrap_or_default()
}
