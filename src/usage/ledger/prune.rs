//! What is too old is deleted, a few rows at a time: the writer waits for them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;

use crate::access::{ObjectKind, ObjectOwners};
use crate::database::DatabaseError;
use crate::unix_time;
use crate::usage::store::{Period, UsageStore};

/// Rows that are deleted together.
const BATCH: i64 = 200;
/// Between two such batches.
const PAUSE: Duration = Duration::from_millis(50);
/// How often old days are looked for.
pub(super) const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// Objects without room that are looked for at once.
const BEYOND_PAGE: i64 = 20_000;
/// How long Azure keeps a response with its items
/// (<https://learn.microsoft.com/azure/ai-services/openai/how-to/responses>). A container lives for
/// minutes after its last use. Files and batches stay until they are deleted.
const RESPONSES_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Deletes whole days that ended longer than `keep` ago, none after `copied` in a file, and objects
/// that are old; gives how many records.
pub(super) async fn prune(
    store: &UsageStore,
    keep: Duration,
    copied: i64,
    now: SystemTime,
) -> Result<u64, DatabaseError> {
    let kept_from = now.checked_sub(keep).unwrap_or(UNIX_EPOCH);
    let days = unix_time::since_1970(kept_from).as_secs() / DAY.as_secs();
    let old = Period {
        from: None,
        to: Some(UNIX_EPOCH + Duration::from_secs(days * DAY.as_secs())),
    };
    let mut pruned = 0;
    loop {
        match store.prune_records(old, copied, BATCH).await? {
            0 => break,
            some => pruned += some,
        }
        sleep(PAUSE).await;
    }
    store.prune_sums(old).await?;
    prune_objects(store, keep, now).await?;
    Ok(pruned)
}

/// Deletes objects that are too old, files and batches as records are, and those for which the memory
/// of owners has no room.
async fn prune_objects(
    store: &UsageStore,
    keep: Duration,
    now: SystemTime,
) -> Result<(), DatabaseError> {
    let before = |age: Duration| unix_time::millis(now.checked_sub(age).unwrap_or(UNIX_EPOCH));
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
