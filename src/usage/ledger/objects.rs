//! The owners of what the service stores: brought back after a restart, and heard of from other
//! replicas.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;

use super::retention::{BATCH, PAUSE};
use crate::access::{ObjectKind, ObjectOwners};
use crate::database::DatabaseError;
use crate::usage::store::{Position, UsageStore};

/// Objects that are read at once.
const PAGE: i64 = 5_000;
/// Objects without room that are looked for at once.
const BEYOND_PAGE: i64 = 20_000;
/// How long Azure keeps a response with its items
/// (<https://learn.microsoft.com/azure/ai-services/openai/how-to/responses>). A container lives for
/// minutes after its last use. Files and batches stay until they are deleted.
const RESPONSES_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Reads the objects of a ledger into the memory of owners, the oldest first: where it has not room for
/// all, each client keeps the newest of its own.
///
/// # Errors
/// The database's.
pub async fn load_owners(ledger: &UsageStore, owners: &ObjectOwners) -> Result<(), DatabaseError> {
    let mut position = Position::default();
    while learn(ledger, owners, &mut position).await? > 0 {}
    Ok(())
}

/// Reads a page of objects that were changed after a position, and moves it on; gives how many there
/// were.
pub(super) async fn learn(
    store: &UsageStore,
    owners: &ObjectOwners,
    position: &mut Position,
) -> Result<usize, DatabaseError> {
    let (rows, end) = store.objects_after(*position, PAGE).await?;
    for row in &rows {
        match row.change() {
            Some(change) => owners.learn(change),
            None => {
                tracing::warn!(
                    kind = row.kind,
                    id = row.id,
                    "a stored object can't be understood"
                );
            }
        }
    }
    *position = end;
    Ok(rows.len())
}

/// Deletes objects that are too old, files and batches as records are, and those for which the memory
/// of owners has no room.
pub(super) async fn prune_objects(
    store: &UsageStore,
    keep: Duration,
    now: SystemTime,
) -> Result<(), DatabaseError> {
    let before = |age: Duration| {
        let at = now.checked_sub(age).unwrap_or(UNIX_EPOCH);
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    };
    let (files, others) = (before(keep.max(RESPONSES_KEPT)), before(RESPONSES_KEPT));
    while store.prune_old_objects(files, others, BATCH).await? > 0 {
        sleep(PAUSE).await;
    }
    for kind in ObjectKind::ALL {
        let room = i64::try_from(ObjectOwners::room(kind)).unwrap_or(i64::MAX);
        loop {
            let beyond = store.objects_beyond(kind, room, BEYOND_PAGE).await?;
            if beyond.is_empty() {
                break;
            }
            for some in beyond.chunks(usize::try_from(BATCH).unwrap_or(1)) {
                store.delete_objects(some).await?;
                sleep(PAUSE).await;
            }
        }
    }
    Ok(())
}
