//! What callers are verified with, and what the gateway calls with: issuers, authorities, revocation lists and
//! the identity's token, with how fresh each is.

use std::time::SystemTime;

use super::figures::moment_of_seconds;
use super::table::{Cell, Column, Section, Table, bounded};
use crate::auth::KeyStatus;
use crate::auth::certificate::{AuthorityState, ClientExpiry, CrlState};

/// Most certificates that are shown: those that expire first.
const MAX_CERTIFICATES: usize = 200;
/// A certificate that expires within this time needs attention.
const SOON_S: u64 = 14 * 86_400;

/// What is known of them.
pub(super) struct Identities {
    pub(super) issuers: Vec<(String, KeyStatus)>,
    pub(super) authorities: Vec<AuthorityState>,
    pub(super) certificates: Vec<ClientExpiry>,
    /// When the token of the gateway's identity expires, in seconds since 1970.
    pub(super) token_expires: Option<u64>,
    /// Whether there is one that is good.
    pub(super) has_token: bool,
}

pub(super) fn section(mut identities: Identities, now: SystemTime) -> Section {
    let certificates = certificates(&mut identities.certificates, now);
    let mut tables = vec![
        token(&identities, now),
        issuers(&identities, now),
        authorities(&identities, now),
    ];
    tables.extend(certificates);
    Section {
        id: "identities",
        title: "Issuers, authorities and lists",
        notes: Vec::new(),
        tables,
    }
}

fn token(identities: &Identities, now: SystemTime) -> Table {
    let state = match identities.has_token {
        true => Cell::state("there is one", true),
        false => Cell::state("there is none", false),
    };
    let expires = identities
        .token_expires
        .map(|at| moment_of_seconds(at, now));
    Table {
        caption: "The token of the gateway's identity".to_owned(),
        columns: ["token", "expires"].map(Column::text).into(),
        rows: vec![vec![state, Cell::optional(expires)]],
        ..Table::default()
    }
}

fn issuers(identities: &Identities, now: SystemTime) -> Table {
    let row = |(name, status): &(String, KeyStatus)| {
        let state = match status {
            KeyStatus {
                is_usable: false, ..
            } => Cell::state("no keys", false),
            KeyStatus { keys: 0, .. } => Cell::state("no usable key", false),
            _ => Cell::state("usable", true),
        };
        let refreshed = match status.refreshed_unix_s {
            0 => "never".to_owned(),
            at => moment_of_seconds(at, now),
        };
        vec![
            Cell::text(name.as_str()),
            state,
            Cell::count(u64::try_from(status.keys).unwrap_or(u64::MAX)),
            Cell::text(refreshed),
            Cell::count(status.failure),
        ]
    };
    Table {
        caption: "Issuers of tokens".to_owned(),
        columns: vec![
            Column::text("issuer"),
            Column::text("state"),
            Column::number("keys"),
            Column::text("keys fetched"),
            Column::number("failed fetches"),
        ],
        rows: identities.issuers.iter().map(row).collect(),
        empty: "No tokens are accepted.".to_owned(),
        ..Table::default()
    }
}

fn authorities(identities: &Identities, now: SystemTime) -> Table {
    let row = |state: &AuthorityState| {
        let anchors = match state.anchors {
            0 => Cell::state("no trust anchors", false),
            _ if state.sources_without_anchors > 0 => Cell::state("some are missing", false),
            _ => Cell::state("there", true),
        };
        let list = match state.crl {
            CrlState::Off => Cell::text("not used"),
            CrlState::Fresh => Cell::state("fresh", true),
            CrlState::Missing => Cell::state("missing", false),
            CrlState::Stale => Cell::state("expired", false),
        };
        let moment = |at: Option<u64>| Cell::optional(at.map(|at| moment_of_seconds(at, now)));
        vec![
            Cell::text(&*state.name),
            anchors,
            Cell::count(u64::try_from(state.anchors).unwrap_or(u64::MAX)),
            moment(state.not_after_unix_s),
            list,
            moment(state.next_update_unix_s),
            Cell::count(state.crl_refreshes.1),
        ]
    };
    Table {
        caption: "Authorities of client certificates".to_owned(),
        columns: vec![
            Column::text("authority"),
            Column::text("trust anchors"),
            Column::number("anchors"),
            Column::text("first certificate expires"),
            Column::text("revocation lists"),
            Column::text("first list expires"),
            Column::number("rejected lists"),
        ],
        rows: identities.authorities.iter().map(row).collect(),
        empty: "No client certificates are accepted.".to_owned(),
        ..Table::default()
    }
}

/// Certificates of clients that were used within the last hour; no table where none are accepted.
fn certificates(all: &mut Vec<ClientExpiry>, now: SystemTime) -> Option<Table> {
    if all.is_empty() {
        return None;
    }
    all.sort_by(|a, b| {
        let of = |it: &ClientExpiry| (it.not_after_unix_s, std::sync::Arc::clone(&it.client));
        of(a).cmp(&of(b))
    });
    let more = bounded(all, MAX_CERTIFICATES, "certificates, which expire later");
    let soon = crate::unix_time::since_1970(now).as_secs() + SOON_S;
    let row = |it: &ClientExpiry| {
        let state = match it.not_after_unix_s <= soon {
            true => Cell::state("expires soon", false),
            false => Cell::state("good", true),
        };
        let expires = moment_of_seconds(it.not_after_unix_s, now);
        vec![Cell::text(&*it.client), state, Cell::text(expires)]
    };
    Some(Table {
        caption: "Certificates of clients that were used within the last hour".to_owned(),
        columns: ["client", "state", "expires"].map(Column::text).into(),
        rows: all.iter().map(row).collect(),
        more,
        ..Table::default()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn authority(name: &str, anchors: usize, crl: CrlState) -> AuthorityState {
        AuthorityState {
            name: name.into(),
            anchors,
            sources: 0,
            sources_without_anchors: 0,
            anchor_refreshes: (0, 0),
            not_after_unix_s: Some(1_796_079_600),
            next_update_unix_s: None,
            crl,
            crl_refreshes: (1, 2),
        }
    }

    #[test]
    fn what_is_not_fresh_is_said_in_words() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_079_600 - 86_400);
        let status = KeyStatus {
            keys: 2,
            is_usable: true,
            refreshed_unix_s: 1_796_079_600 - 90_000,
            success: 1,
            failure: 7,
        };
        let stale = KeyStatus {
            is_usable: false,
            refreshed_unix_s: 0,
            ..status
        };
        let identities = Identities {
            issuers: vec![("entra".to_owned(), status), ("other".to_owned(), stale)],
            authorities: vec![
                authority("corp", 1, CrlState::Stale),
                authority("none", 0, CrlState::Off),
            ],
            certificates: vec![ClientExpiry {
                client: "app".into(),
                not_after_unix_s: 1_796_079_600,
            }],
            token_expires: None,
            has_token: false,
        };
        let section = section(identities, now);
        let shown: Vec<Vec<&str>> = section
            .tables
            .iter()
            .flat_map(|table| &table.rows)
            .map(|row| row.iter().map(Cell::shown).collect())
            .collect();
        let expires = "2026-11-30 23:00:00 UTC (in 24 h)";
        assert_eq!(
            shown,
            [
                vec!["there is none", ""],
                vec![
                    "entra",
                    "usable",
                    "2",
                    "2026-11-29 22:00:00 UTC (60 min ago)",
                    "7"
                ],
                vec!["other", "no keys", "2", "never", "7"],
                vec!["corp", "there", "1", expires, "expired", "", "2"],
                vec![
                    "none",
                    "no trust anchors",
                    "0",
                    expires,
                    "not used",
                    "",
                    "2"
                ],
                vec!["app", "expires soon", expires],
            ]
        );
    }
}
