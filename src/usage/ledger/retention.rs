//! Retention: days that are too old are deleted, a few records at a time, and the disk is watched.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::DESTINATION;
use super::disk::DiskSpace;
use super::prune::{PRUNE_INTERVAL, prune};
use super::state::LedgerState;
use crate::database::DatabaseError;
use crate::unix_time;
use crate::usage::store::UsageStore;

/// How often the disk is looked at.
const DISK_INTERVAL: Duration = Duration::from_secs(1);

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
    /// Keeps records for a time; with `only_copied` none is deleted that PostgreSQL does not have.
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
            Err(error) => tracing::warn!(%error, "the free space on the ledger's disk is unknown"),
        }
    }

    async fn prune(&self, now: SystemTime) -> Result<u64, DatabaseError> {
        let copied = match self.only_copied {
            true => self.ledger.outbox(DESTINATION).await?.1,
            false => i64::MAX,
        };
        let kept_from = now.checked_sub(self.keep).unwrap_or(UNIX_EPOCH);
        let before_ms = unix_time::millis(kept_from);
        self.ledger.forget_not_copied(before_ms).await?;
        self.state.not_copied(self.ledger.count_not_copied().await?);
        prune(&self.ledger, self.keep, copied, now).await
    }
}
