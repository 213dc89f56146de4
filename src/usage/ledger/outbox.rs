//! Copies the ledger to PostgreSQL: at least once, in the order of commits, behind the requests.
//!
//! How far it has come stands in the ledger's own file and is moved on after the server has
//! committed. A batch whose commit was not heard of goes again, and the server takes each id once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::retention::{PRUNE_INTERVAL, prune};
use super::state::LedgerState;
use crate::database::{DatabaseError, DatabaseUrl, PostgresUrl, UsageStore};

/// The name under which the ledger remembers how far it has been copied.
pub(super) const DESTINATION: &str = "postgres";
/// Records of one batch.
const BATCH: i64 = 512;
/// How often the ledger is looked at for new records.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait after a failure, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// What copies.
#[derive(Debug)]
pub struct Outbox {
    ledger: UsageStore,
    state: Arc<LedgerState>,
    server: DatabaseUrl,
    keep: Duration,
}

impl Outbox {
    /// Copies from a ledger to a server, and keeps records there for a time.
    pub fn new(
        ledger: UsageStore,
        state: &Arc<LedgerState>,
        server: PostgresUrl,
        keep: Duration,
    ) -> Self {
        state.has_outbox();
        Self {
            ledger,
            state: Arc::clone(state),
            server: DatabaseUrl::Postgres(server),
            keep,
        }
    }

    /// Copies until told to stop. A server that is away holds up nobody.
    pub async fn run(self, stop: CancellationToken) {
        let mut server = None;
        let mut retry = FIRST_RETRY;
        let mut pruned: Option<Instant> = None;
        loop {
            let work = async {
                let copied = self.copy(&mut server).await?;
                if let (0, Some(server)) = (copied, &server)
                    && pruned.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL)
                {
                    // Every replica does: what one has deleted, another does not find.
                    prune(server, self.keep, i64::MAX, SystemTime::now()).await?;
                    pruned = Some(Instant::now());
                }
                Ok(copied)
            };
            let copied: Result<usize, DatabaseError> = tokio::select! {
                copied = work => copied,
                () = stop.cancelled() => return,
            };
            let pause = match copied {
                Ok(0) => POLL_INTERVAL,
                Ok(_) => {
                    retry = FIRST_RETRY;
                    continue;
                }
                Err(error) => {
                    self.state.outbox_failed(self.waiting().await, &error);
                    let pause = retry.mul_f64(jitter());
                    retry = retry.saturating_mul(2).min(LAST_RETRY);
                    pause
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Copies one batch; gives how many records were in it.
    async fn copy(&self, server: &mut Option<UsageStore>) -> Result<usize, DatabaseError> {
        let shared = match server {
            Some(shared) => shared,
            None => server.insert(UsageStore::open(&self.server).await?),
        };
        let (last, copied) = self.ledger.outbox(DESTINATION).await?;
        let (rows, until) = self.ledger.committed_after(copied, BATCH).await?;
        if !rows.is_empty() {
            shared.insert(&rows).await?;
            self.ledger.copied(DESTINATION, until).await?;
        }
        let waiting = u64::try_from(last.saturating_sub(until)).unwrap_or(0);
        self.state.outbox_copied(waiting);
        Ok(rows.len())
    }

    /// How many records wait, by what is known without the server.
    async fn waiting(&self) -> u64 {
        let (last, copied) = self.ledger.outbox(DESTINATION).await.unwrap_or_default();
        let last = u64::try_from(last).unwrap_or(0);
        let last = last.max(self.state.last_seq.load(Ordering::Relaxed));
        last.saturating_sub(u64::try_from(copied).unwrap_or(0))
    }
}

/// Between half and one and a half, so that replicas don't come back together.
fn jitter() -> f64 {
    let mut byte = [0];
    match getrandom::fill(&mut byte) {
        Ok(()) => 0.5 + f64::from(u8::from_ne_bytes(byte)) / 256.0,
        Err(_) => 1.0,
    }
}
