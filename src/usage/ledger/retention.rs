//! Retention: days that are too old go, a few records at a time, and the disk is watched.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::disk::DiskSpace;
use super::objects::prune_objects;
use super::outbox::DESTINATION;
use super::state::LedgerState;
use crate::database::DatabaseError;
use crate::usage::store::{Period, UsageStore};

/// Rows that are deleted together: the writer waits for them.
pub(super) const BATCH: i64 = 200;
/// Between two such batches.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// How often the disk is looked at.
const DISK_INTERVAL: Duration = Duration::from_secs(1);
/// How often old days are looked for.
pub(super) const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// What keeps the ledger small, and watches its disk.
#[derive(Debug)]
pub struct Retention {
    ledger: UsageStore,
    state: Arc<LedgerState>,
    keep: Duration,
    /// What has not been copied yet is kept.
    only_copied: bool,
}

impl Retention {
    /// Keeps records for a time; with `only_copied` none goes that PostgreSQL does not have.
    pub fn new(
        ledger: UsageStore,
        state: &Arc<LedgerState>,
        keep: Duration,
        only_copied: bool,
    ) -> Self {
        let retention = Self {
            ledger,
            state: Arc::clone(state),
            keep,
            only_copied,
        };
        retention.look_at_disk();
        retention
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let work = async {
            let mut since_pruned = PRUNE_INTERVAL;
            loop {
                self.look_at_disk();
                if since_pruned >= PRUNE_INTERVAL {
                    since_pruned = Duration::ZERO;
                    if let Err(error) = self.prune(SystemTime::now()).await {
                        tracing::error!(%error, "old usage records could not be deleted");
                    }
                }
                sleep(DISK_INTERVAL).await;
                since_pruned += DISK_INTERVAL;
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    fn look_at_disk(&self) {
        match DiskSpace::of(&self.state.directory) {
            Ok(space) => self.state.disk(space),
            Err(error) => tracing::warn!(%error, "the room on the ledger's disk is unknown"),
        }
    }

    async fn prune(&self, now: SystemTime) -> Result<u64, DatabaseError> {
        let copied = match self.only_copied {
            true => self.ledger.outbox(DESTINATION).await?.1,
            false => i64::MAX,
        };
        prune(&self.ledger, self.keep, copied, now).await
    }
}

/// Deletes whole days that ended longer than `keep` ago, none after `copied` in a file, and objects
/// that are old; gives how many records.
pub(super) async fn prune(
    store: &UsageStore,
    keep: Duration,
    copied: i64,
    now: SystemTime,
) -> Result<u64, DatabaseError> {
    let kept_from = now.checked_sub(keep).unwrap_or(UNIX_EPOCH);
    let since = kept_from.duration_since(UNIX_EPOCH).unwrap_or_default();
    let days = since.as_secs() / DAY.as_secs();
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
