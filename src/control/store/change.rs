//! One change of the keys: a transaction with a number.

use super::error::KeyChangeError;
use super::row::{Row, columns, key};
use crate::access::ClientId;
use crate::auth::{IssuedKey, KeyId, KeySlot, KeyState};
use crate::database::Database;
use crate::database::{Transaction, in_either};
use crate::unix_time::millis;

/// Taking the number locks its row until the commit: changes happen one after the other, on any number
/// of replicas, and whoever has read all that is up to a number misses none.
const NEXT: &str =
    "UPDATE issued_keys_changes SET version = version + 1 WHERE only_row = 1 RETURNING version";
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM issued_keys WHERE id = $1");
const HOLDER: &str = "SELECT id FROM issued_keys WHERE client = $1 AND slot = $2 \
     AND state <> 'revoked' AND replaced_by IS NULL AND (not_after IS NULL OR not_after > $3)";
const INSERT: &str = concat!(
    "INSERT INTO issued_keys (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
);
const UPDATE: &str = "UPDATE issued_keys SET state = $2, not_after = $3, replaced_by = $4, \
     changed_at = $5, changed_by = $6, version = $7, client = $8 WHERE id = $1";
const OF_CLIENT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM issued_keys WHERE client = $1 ORDER BY id"
);

/// A change that is being made; dropping it undoes it.
pub(super) struct Change {
    transaction: Transaction,
    /// Its number.
    pub(super) version: i64,
}

impl Change {
    /// Waits for the changes before it.
    pub(super) async fn begin(database: &Database) -> Result<Self, KeyChangeError> {
        let mut transaction = Transaction::begin(database).await?;
        let version = in_either!(&mut transaction, connection => {
            sqlx::query_scalar(NEXT).fetch_one(connection).await?
        });
        Ok(Self {
            transaction,
            version,
        })
    }

    /// Takes another number, for another key of this change: each of many is read by its own.
    pub(super) async fn next(&mut self) -> Result<(), KeyChangeError> {
        self.version = in_either!(&mut self.transaction, connection => {
            sqlx::query_scalar(NEXT).fetch_one(connection).await?
        });
        Ok(())
    }

    /// Every key of a client, revoked or not.
    pub(super) async fn keys_of(
        &mut self,
        client: &ClientId,
    ) -> Result<Vec<IssuedKey>, KeyChangeError> {
        let rows: Vec<Row> = in_either!(&mut self.transaction, connection => {
            sqlx::query_as(OF_CLIENT).bind(client.as_str()).fetch_all(connection).await?
        });
        let keys: Result<Vec<_>, _> = rows.into_iter().map(key).collect();
        Ok(keys?)
    }

    /// A key by its id.
    pub(super) async fn key(&mut self, id: &KeyId) -> Result<IssuedKey, KeyChangeError> {
        let row: Option<Row> = in_either!(&mut self.transaction, connection => {
            sqlx::query_as(BY_ID).bind(id.as_str()).fetch_optional(connection).await?
        });
        let row = row.ok_or_else(|| KeyChangeError::NotFound(id.clone()))?;
        let key = key(row)?;
        match key.validity.state {
            KeyState::Revoked => Err(KeyChangeError::Revoked(key.id)),
            KeyState::Active | KeyState::Suspended => Ok(key),
        }
    }

    /// The key that has a slot: one that is or may become good, and that no other has replaced.
    pub(super) async fn holder(
        &mut self,
        client: &ClientId,
        slot: KeySlot,
        now: std::time::SystemTime,
    ) -> Result<Option<KeyId>, KeyChangeError> {
        let id: Option<String> = in_either!(&mut self.transaction, connection => {
            sqlx::query_scalar(HOLDER)
                .bind(client.as_str())
                .bind(slot.as_str())
                .bind(millis(now))
                .fetch_optional(connection)
                .await?
        });
        Ok(id.as_deref().and_then(KeyId::parse))
    }

    /// Adds a key.
    pub(super) async fn insert(&mut self, key: &IssuedKey) -> Result<(), KeyChangeError> {
        in_either!(&mut self.transaction, connection => {
            sqlx::query(INSERT)
                .bind(key.id.as_str())
                .bind(key.digest.to_hex())
                .bind(key.client.as_str())
                .bind(key.slot.as_str())
                .bind(key.validity.state.as_str())
                .bind(key.validity.not_before.map(millis))
                .bind(key.validity.not_after.map(millis))
                .bind(key.replaced_by.as_ref().map(KeyId::as_str))
                .bind(millis(key.issued.at))
                .bind(key.issued.by.as_str())
                .bind(millis(key.changed.at))
                .bind(key.changed.by.as_str())
                .bind(key.version)
                .execute(connection)
                .await
                .map(|_| ())?;
        });
        Ok(())
    }

    /// Writes what may change of a key.
    pub(super) async fn update(&mut self, key: &IssuedKey) -> Result<(), KeyChangeError> {
        in_either!(&mut self.transaction, connection => {
            sqlx::query(UPDATE)
                .bind(key.id.as_str())
                .bind(key.validity.state.as_str())
                .bind(key.validity.not_after.map(millis))
                .bind(key.replaced_by.as_ref().map(KeyId::as_str))
                .bind(millis(key.changed.at))
                .bind(key.changed.by.as_str())
                .bind(key.version)
                .bind(key.client.as_str())
                .execute(connection)
                .await
                .map(|_| ())?;
        });
        Ok(())
    }

    /// Makes it so.
    pub(super) async fn commit(self) -> Result<(), KeyChangeError> {
        Ok(self.transaction.commit().await?)
    }
}
