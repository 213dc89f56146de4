//! Keys with their last use and their end: what `tollgate key list` says, as requests see it.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use super::figures::{moment_and_distance, moment_of_millis};
use super::table::{Cell, Column, Section, Table, bounded};
use crate::auth::{ConfiguredKey, HeldKey, KeyState, Validity};
use crate::unix_time::of_millis;
use crate::usage::KeyUses;

/// Most keys that are shown: those that expire first.
const MAX_ROWS: usize = 200;
/// A key that ends within this time needs attention.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// A key, of the file or issued; never the key itself.
pub(super) struct Key {
    /// The public part; empty for keys of the file that were not used yet.
    id: String,
    /// The first digits of its SHA-256.
    digits: String,
    client: String,
    slot: &'static str,
    origin: &'static str,
    validity: Validity,
    /// Whether the configuration has its client.
    has_client: bool,
}

impl Key {
    pub(super) fn issued(key: HeldKey, has_client: bool) -> Self {
        Self {
            id: key.id.to_string(),
            digits: key.digest.short(),
            client: key.client.to_string(),
            slot: key.slot.as_str(),
            origin: "issued",
            validity: key.validity,
            has_client,
        }
    }

    pub(super) fn configured(key: &ConfiguredKey) -> Self {
        Self {
            id: String::new(),
            digits: key.digest.short(),
            client: key.client.to_string(),
            slot: key.slot.as_str(),
            origin: "file",
            validity: key.validity,
            has_client: true,
        }
    }

    fn state(&self, now: SystemTime) -> Cell {
        let Validity {
            not_before,
            not_after,
            state,
        } = self.validity;
        let is_over = not_after.is_some_and(|end| end <= now);
        let ends_soon = not_after.is_some_and(|end| end <= now + SOON);
        match state {
            KeyState::Revoked => Cell::state("revoked", true),
            KeyState::Suspended => Cell::state("suspended", true),
            KeyState::Active if is_over => Cell::state("expired", false),
            KeyState::Active if !self.has_client => Cell::state("its client is gone", false),
            KeyState::Active if ends_soon => Cell::state("expires soon", false),
            KeyState::Active if not_before.is_some_and(|it| it > now) => {
                Cell::state("not valid yet", true)
            }
            KeyState::Active => Cell::state("active", true),
        }
    }

    /// Keys in use by their end, then those that nobody can use.
    fn order(&self) -> (bool, bool, Option<SystemTime>, &str, Reverse<&str>) {
        let end = self.validity.not_after;
        let is_stopped = self.validity.state != KeyState::Active;
        (
            is_stopped,
            end.is_none(),
            end,
            &self.client,
            Reverse(self.slot),
        )
    }
}

/// The section; `uses` is `None` where it is not known when keys were used, or `Err` why.
pub(super) fn section(
    mut keys: Vec<Key>,
    uses: Result<Option<&KeyUses>, &str>,
    notes: Vec<String>,
    now: SystemTime,
) -> Section {
    keys.sort_by(|a, b| a.order().cmp(&b.order()));
    let more = bounded(&mut keys, MAX_ROWS, "keys, which end later");
    let mut notes = notes;
    match uses {
        Ok(Some(uses)) => notes.push(format!(
            "Last uses are written down since {}.",
            moment_of_millis(uses.since_ms)
        )),
        Ok(None) => notes.push("When keys were used is not known: there is no ledger.".to_owned()),
        Err(why) => notes.push(format!("When keys were used is not known: {why}")),
    }
    let uses = uses.ok().flatten();
    Section {
        id: "keys",
        title: "Keys",
        notes,
        tables: vec![Table {
            caption: "Keys, those that expire first".to_owned(),
            columns: [
                "key",
                "client",
                "slot",
                "from",
                "state",
                "expires",
                "last used",
            ]
            .map(Column::text)
            .into(),
            rows: keys.iter().map(|key| cells(key, uses, now)).collect(),
            empty: "There are no keys.".to_owned(),
            more,
            ..Table::default()
        }],
    }
}

fn cells(key: &Key, uses: Option<&KeyUses>, now: SystemTime) -> Vec<Cell> {
    let last = uses.and_then(|uses| uses.of(&key.digits));
    // Of a key of the file only the digest is known, until it is used.
    let id = match (key.id.as_str(), last) {
        ("", Some(used)) => used.key_id.clone(),
        ("", None) => "(not used yet)".to_owned(),
        (id, _) => id.to_owned(),
    };
    let ends = match key.validity.not_after {
        Some(end) => moment_and_distance(end, now),
        None => "never".to_owned(),
    };
    let used = match (uses, last.and_then(|it| of_millis(it.last_ms))) {
        (_, Some(at)) => moment_and_distance(at, now),
        (Some(_), None) => "never".to_owned(),
        (None, None) => "not known".to_owned(),
    };
    vec![
        Cell::text(id).with_detail(format!("SHA-256 {}…", key.digits)),
        Cell::text(key.client.as_str()),
        Cell::text(key.slot),
        Cell::text(key.origin),
        key.state(now),
        Cell::text(ends),
        Cell::text(used),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(client: &str, validity: Validity) -> Key {
        Key {
            id: "Ab3dEf6h9J".to_owned(),
            digits: "0011223344556677".to_owned(),
            client: client.to_owned(),
            slot: "primary",
            origin: "issued",
            validity,
            has_client: client != "gone",
        }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_079_600)
    }

    fn until(days: u64) -> Validity {
        Validity {
            not_after: Some(now() + Duration::from_secs(days * 86_400)),
            ..Validity::default()
        }
    }

    #[test]
    fn what_expires_first_comes_first_and_needs_attention() {
        let revoked = Validity {
            state: KeyState::Revoked,
            ..until(1)
        };
        let keys = vec![
            key("app", Validity::default()),
            key("stopped", revoked),
            key("later", until(90)),
            key("gone", until(60)),
            key("soon", until(3)),
            key("over", until(0)),
        ];
        let section = section(keys, Ok(None), Vec::new(), now());
        let rows = &section.tables[0].rows;
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row[1].shown(), row[4].shown(), row[5].shown()))
            .collect();
        assert_eq!(
            shown,
            [
                ("over", "expired", "2026-11-30 23:00:00 UTC (in 0 s)"),
                (
                    "soon",
                    "expires soon",
                    "2026-12-03 23:00:00 UTC (in 3 days)"
                ),
                (
                    "gone",
                    "its client is gone",
                    "2027-01-29 23:00:00 UTC (in 60 days)"
                ),
                ("later", "active", "2027-02-28 23:00:00 UTC (in 90 days)"),
                ("app", "active", "never"),
                ("stopped", "revoked", "2026-12-01 23:00:00 UTC (in 24 h)"),
            ]
        );
        assert!(rows.iter().all(|row| row[6].shown() == "not known"));
    }

    #[test]
    fn a_key_that_was_never_used_is_told_from_one_whose_uses_are_not_known() {
        let uses = KeyUses::default();
        let known = section(
            vec![key("app", until(3))],
            Ok(Some(&uses)),
            Vec::new(),
            now(),
        );
        assert_eq!(known.tables[0].rows[0][6].shown(), "never");
        let unknown = section(
            vec![key("app", until(3))],
            Err("it is away"),
            Vec::new(),
            now(),
        );
        assert_eq!(unknown.tables[0].rows[0][6].shown(), "not known");
        assert!(
            unknown.notes[0].ends_with("it is away"),
            "{:?}",
            unknown.notes
        );
    }
}
