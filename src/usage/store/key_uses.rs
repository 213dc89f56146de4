//! When each key was last used: a row for each key, written with the records, which it outlives.

use std::collections::{BTreeMap, HashMap};

use super::columns::row;
use super::{LedgerRow, UsageStore};
use crate::database::{DatabaseError, on_either};

row! {
    /// The last request with a key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KeyUse {
        /// The first digits of the key's SHA-256.
        key_sha256: String,
        /// Its public part.
        key_id: String,
        /// When the request came, in milliseconds since 1970.
        last_ms: i64,
    }
}

impl KeyUse {
    /// The last uses among records, each key once, in the order of the keys: two replicas that write lock
    /// them in one order.
    pub(super) fn among<'a>(records: impl IntoIterator<Item = &'a LedgerRow>) -> Vec<Self> {
        let mut last: BTreeMap<&str, (&str, i64)> = BTreeMap::new();
        for record in records {
            let (Some(id), Some(digits)) = (&record.key_id, &record.key_sha256) else {
                continue;
            };
            let known = last.entry(digits).or_insert((id, i64::MIN));
            known.1 = known.1.max(record.started_ms);
        }
        let use_of = |(digits, (id, last_ms)): (&str, (&str, i64))| Self {
            key_sha256: digits.to_owned(),
            key_id: id.to_owned(),
            last_ms,
        };
        last.into_iter().map(use_of).collect()
    }
}

/// The statement that moves last uses on, never back: records come late, and again.
pub(super) fn put(columns: &str, values: &str) -> String {
    format!(
        "INSERT INTO key_uses ({columns}) VALUES {values} \
         ON CONFLICT (key_sha256) DO UPDATE SET last_ms = excluded.last_ms \
         WHERE excluded.last_ms > key_uses.last_ms"
    )
}

/// When keys were last used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUses {
    /// Since when uses are written down, in milliseconds since 1970.
    pub since_ms: i64,
    by_key: HashMap<String, KeyUse>,
}

impl KeyUses {
    /// The last use of a key, by the first digits of its SHA-256.
    pub fn of(&self, digits: &str) -> Option<&KeyUse> {
        self.by_key.get(digits)
    }

    /// Takes over what another ledger knows, and since when that does.
    pub(crate) fn join(&mut self, shared: Self) {
        self.since_ms = shared.since_ms;
        for (digits, other) in shared.by_key {
            let known = self.by_key.entry(digits).or_insert_with(|| other.clone());
            known.last_ms = known.last_ms.max(other.last_ms);
        }
    }
}

impl UsageStore {
    /// When each key was last used that ever was.
    ///
    /// # Errors
    /// The database's.
    pub async fn key_uses(&self) -> Result<KeyUses, DatabaseError> {
        const SINCE: &str = "SELECT since_ms FROM key_uses_since WHERE only_row = 1";
        const ALL: &str = "SELECT * FROM key_uses";
        let (since_ms, all): (i64, Vec<KeyUse>) = on_either!(&self.database, pool => {
            let since = sqlx::query_scalar(SINCE).fetch_one(pool).await?;
            (since, sqlx::query_as(ALL).fetch_all(pool).await?)
        });
        let by_key = all.into_iter().map(|it| (it.key_sha256.clone(), it));
        Ok(KeyUses {
            since_ms,
            by_key: by_key.collect(),
        })
    }
}
