//! What can be asked of the keys, and done to them.

use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::change::Change;
use super::error::KeyChangeError;
use super::row::{Row, columns, key, moment};
use crate::access::ClientId;
use crate::auth::{IssuedKey, KeyDigest, KeyEvent, KeyId, KeySlot, KeyState, Validity};
use crate::control::store::KEYS;
use crate::database::{Database, DatabaseError, DatabaseUrl, on_either};
use crate::unix_time::millis;

/// How long anything here may take, the wait for a connection included: every replica has to see a
/// change within 5 s, so a question that hangs is given up in time for the next one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Keys that are read at once.
pub const PAGE_ROWS: i64 = 5_000;

const LAST: &str = "SELECT version FROM issued_keys_changes WHERE only_row = 1";
const CHANGES: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM issued_keys WHERE version > $1 ORDER BY version, id LIMIT $2"
);
const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM issued_keys WHERE id > $1 ORDER BY id LIMIT $2"
);
const OF_CLIENT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM issued_keys WHERE client = $1 ORDER BY id"
);

/// A key that is to be issued.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its name.
    pub id: KeyId,
    /// What it will be found by.
    pub digest: KeyDigest,
    /// From when on it is good.
    pub not_before: Option<SystemTime>,
    /// Until when it is good.
    pub not_after: Option<SystemTime>,
}

impl NewKey {
    fn issued(&self, client: ClientId, slot: KeySlot, event: &KeyEvent, version: i64) -> IssuedKey {
        let event = to_the_millisecond(event);
        IssuedKey {
            id: self.id.clone(),
            digest: self.digest,
            client,
            slot,
            validity: Validity {
                not_before: self.not_before.map(|it| moment(millis(it))),
                not_after: self.not_after.map(|it| moment(millis(it))),
                state: KeyState::Active,
            },
            replaced_by: None,
            issued: event.clone(),
            changed: event,
            version,
        }
    }
}

/// Until when the key is good that takes another one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Until the other one would have been.
    Kept,
    /// As the new key says.
    New,
}

/// As the database keeps it.
pub(super) fn to_the_millisecond(event: &KeyEvent) -> KeyEvent {
    KeyEvent {
        by: event.by.clone(),
        at: moment(millis(event.at)),
    }
}

/// The keys in a database.
#[derive(Clone, Debug)]
pub struct KeyStore(pub(super) Database);

impl KeyStore {
    /// Opens the database and makes its tables.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        Database::open(url, KEYS).await.map(Self)
    }

    /// The number of the last change.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn version(&self) -> Result<i64, DatabaseError> {
        in_time(async {
            Ok(on_either!(&self.0, pool => sqlx::query_scalar(LAST).fetch_one(pool).await?))
        })
        .await
    }

    /// Keys that were changed after a number, in the order of their changes; not all of them if there
    /// are [`PAGE_ROWS`]. A rotation changes two keys under one number, and both are there or none.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn changes(&self, after: i64) -> Result<Vec<IssuedKey>, DatabaseError> {
        let mut changes = in_time(async {
            let rows: Vec<Row> = on_either!(&self.0, pool => {
                sqlx::query_as(CHANGES).bind(after).bind(PAGE_ROWS).fetch_all(pool).await?
            });
            keys(rows)
        })
        .await?;
        let is_cut = i64::try_from(changes.len()).is_ok_and(|count| count >= PAGE_ROWS);
        if let Some(last) = changes.last().map(|key| key.version).filter(|_| is_cut) {
            changes.retain(|key| key.version < last);
        }
        Ok(changes)
    }

    /// The keys of a client, or those of all.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn list(&self, client: Option<&ClientId>) -> Result<Vec<IssuedKey>, DatabaseError> {
        match client {
            Some(client) => {
                in_time(async {
                    let rows: Vec<Row> = on_either!(&self.0, pool => {
                        sqlx::query_as(OF_CLIENT).bind(client.as_str()).fetch_all(pool).await?
                    });
                    keys(rows)
                })
                .await
            }
            None => self.list_all().await,
        }
    }

    async fn list_all(&self) -> Result<Vec<IssuedKey>, DatabaseError> {
        let mut all: Vec<IssuedKey> = Vec::new();
        loop {
            let after = all.last().map_or("", |key| key.id.as_str());
            let page = in_time(async {
                let rows: Vec<Row> = on_either!(&self.0, pool => {
                    sqlx::query_as(PAGE).bind(after).bind(PAGE_ROWS).fetch_all(pool).await?
                });
                keys(rows)
            })
            .await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Puts a key into a free slot of a client.
    ///
    /// # Errors
    /// [`KeyChangeError::SlotTaken`] by a key that is or may become good, or the database's.
    pub async fn issue(
        &self,
        client: &ClientId,
        slot: KeySlot,
        new: &NewKey,
        event: &KeyEvent,
    ) -> Result<IssuedKey, KeyChangeError> {
        changed(async {
            let mut change = Change::begin(&self.0).await?;
            if let Some(id) = change.holder(client, slot, event.at).await? {
                return Err(KeyChangeError::SlotTaken { slot, id });
            }
            let key = new.issued(client.clone(), slot, event, change.version);
            change.insert(&key).await?;
            change.commit().await?;
            Ok(key)
        })
        .await
    }

    /// Puts a key in the place of another one, which is good for a while yet: the new key, then the
    /// old one as it was, and as it is now.
    ///
    /// # Errors
    /// [`KeyChangeError`] where the old key is not in use, or the database's.
    pub async fn rotate(
        &self,
        id: &KeyId,
        new: &NewKey,
        grace: Duration,
        end: End,
        event: &KeyEvent,
    ) -> Result<[IssuedKey; 3], KeyChangeError> {
        changed(async {
            let mut change = Change::begin(&self.0).await?;
            let mut old = change.key(id).await?;
            if let Some(by) = old.replaced_by {
                return Err(KeyChangeError::Replaced { id: old.id, by });
            }
            if old.validity.state == KeyState::Suspended {
                return Err(KeyChangeError::Suspended(old.id));
            }
            if old.validity.not_after.is_some_and(|end| end <= event.at) {
                return Err(KeyChangeError::Expired(old.id));
            }
            let before = old.clone();
            let mut key = new.issued(old.client.clone(), old.slot, event, change.version);
            if end == End::Kept {
                key.validity.not_after = old.validity.not_after;
            }
            let end = event.at.checked_add(grace).map(|it| moment(millis(it)));
            let ends = old.validity.not_after.into_iter().chain(end);
            old.validity.not_after = ends.min();
            old.replaced_by = Some(key.id.clone());
            old.changed = to_the_millisecond(event);
            old.version = change.version;
            change.insert(&key).await?;
            change.update(&old).await?;
            change.commit().await?;
            Ok([key, before, old])
        })
        .await
    }

    /// Suspends a key, takes it into use again, or revokes it.
    ///
    /// # Errors
    /// [`KeyChangeError::Revoked`] for a key that is, [`KeyChangeError::Unchanged`] where it is in that
    /// state, or the database's.
    pub async fn set_state(
        &self,
        id: &KeyId,
        state: KeyState,
        event: &KeyEvent,
    ) -> Result<IssuedKey, KeyChangeError> {
        changed(async {
            let mut change = Change::begin(&self.0).await?;
            let mut key = change.key(id).await?;
            if key.validity.state == state {
                return Err(KeyChangeError::Unchanged { id: key.id, state });
            }
            key.validity.state = state;
            key.changed = to_the_millisecond(event);
            key.version = change.version;
            change.update(&key).await?;
            change.commit().await?;
            Ok(key)
        })
        .await
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

fn keys(rows: Vec<Row>) -> Result<Vec<IssuedKey>, DatabaseError> {
    rows.into_iter().map(key).collect()
}

async fn in_time<T>(
    asked: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    timeout(ANSWER_TIMEOUT, asked)
        .await
        .unwrap_or(Err(DatabaseError::Timeout))
}

pub(super) async fn changed<T>(
    change: impl Future<Output = Result<T, KeyChangeError>>,
) -> Result<T, KeyChangeError> {
    timeout(ANSWER_TIMEOUT, change)
        .await
        .unwrap_or(Err(KeyChangeError::Database(DatabaseError::Timeout)))
}
