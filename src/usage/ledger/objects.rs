//! The owners of what the service stores: brought back after a restart, and heard of from other
//! replicas.

use crate::access::{ObjectChange, ObjectOwners};
use crate::database::DatabaseError;
use crate::usage::store::{Position, UsageStore};

/// Objects that are read at once.
const PAGE: i64 = 5_000;

/// Reads the objects of a ledger into the memory of owners, the oldest first: where it has not room for
/// all, each client keeps the newest of its own.
///
/// # Errors
/// The database's.
pub async fn load_owners(ledger: &UsageStore, owners: &ObjectOwners) -> Result<(), DatabaseError> {
    let mut position = Position::default();
    while learn(ledger, &mut position, |change| owners.learn(change)).await? > 0 {}
    Ok(())
}

/// Reads a page of objects that were changed after a position, hands them on, and moves the position on;
/// gives how many there were.
pub(super) async fn learn(
    store: &UsageStore,
    position: &mut Position,
    learned: impl Fn(ObjectChange),
) -> Result<usize, DatabaseError> {
    let (rows, end) = store.objects_after(*position, PAGE).await?;
    for row in &rows {
        match row.change() {
            Some(change) => learned(change),
            None => {
                tracing::warn!(
                    kind = row.kind,
                    id = row.id,
                    "a stored object can't be read"
                );
            }
        }
    }
    *position = end;
    Ok(rows.len())
}
