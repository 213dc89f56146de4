//! Copies the ledger to PostgreSQL: at least once, in the order of commits, behind the requests. And
//! learns from there what clients have made at other replicas.
//!
//! How far it has come is kept in the ledger's own file and is moved on after the server has
//! committed. A batch whose commit was not confirmed is sent again, and the server takes each id once.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::DESTINATION;
use super::objects::learn;
use super::prune::{PRUNE_INTERVAL, prune};
use super::state::LedgerState;
use crate::access::ObjectOwners;
use crate::backoff::Backoff;
use crate::database::{DatabaseError, DatabaseUrl, PostgresUrl};
use crate::usage::store::{LedgerRow, NotCopied, ObjectRow, Position, UsageStore};

/// The same of the objects.
const OBJECTS_DESTINATION: &str = "postgres.objects";
/// Records, or objects, of one batch.
const BATCH: i64 = 512;
/// How often the ledger is looked at for new records.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait after a failure, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// Between half and one and a half of that, so that replicas don't come back together.
const RETRY_SPREAD: RangeInclusive<f64> = 0.5..=1.5;

/// What copies.
#[derive(Debug)]
pub struct Outbox {
    ledger: UsageStore,
    state: Arc<LedgerState>,
    server: DatabaseUrl,
    keep: Duration,
    owners: Arc<ObjectOwners>,
}

impl Outbox {
    /// Copies from a ledger to a server, keeps records there for a time, and tells `owners` what other
    /// replicas know.
    pub fn new(
        ledger: UsageStore,
        state: &Arc<LedgerState>,
        server: PostgresUrl,
        keep: Duration,
        owners: Arc<ObjectOwners>,
    ) -> Self {
        state.has_outbox();
        Self {
            ledger,
            state: Arc::clone(state),
            server: DatabaseUrl::Postgres(server),
            keep,
            owners,
        }
    }

    /// Copies until told to stop. An unavailable server delays nobody.
    pub async fn run(self, stop: CancellationToken) {
        let mut server = None;
        let mut learned = Position::default();
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY).with_spread(RETRY_SPREAD);
        let mut pruned: Option<Instant> = None;
        if let Ok(count) = self.ledger.count_not_copied().await {
            self.state.not_copied(count);
        }
        loop {
            let work = async {
                let server = match &server {
                    Some(server) => server,
                    None => server.insert(UsageStore::open(&self.server).await?),
                };
                let copied = self.copy(server).await? + self.copy_objects(server).await?;
                let others = |change| self.owners.learn_from_others(change);
                let done = copied + learn(server, &mut learned, others).await?;
                if done == 0 && pruned.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL) {
                    // Every replica does: what one has deleted, another does not find.
                    prune(server, self.keep, i64::MAX, SystemTime::now()).await?;
                    pruned = Some(Instant::now());
                }
                Ok(done)
            };
            let done: Result<usize, DatabaseError> = tokio::select! {
                done = work => done,
                () = stop.cancelled() => return,
            };
            let pause = match done {
                Ok(0) => POLL_INTERVAL,
                Ok(_) => {
                    backoff.reset();
                    continue;
                }
                Err(error) => {
                    self.state.outbox_failed(self.waiting().await, &error);
                    backoff.pause()
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Copies one batch of records; gives how many there were.
    async fn copy(&self, shared: &UsageStore) -> Result<usize, DatabaseError> {
        let (last, copied) = self.ledger.outbox(DESTINATION).await?;
        let (rows, until) = self.ledger.follow(Position::in_file(copied), BATCH).await?;
        if copied == 0 && !rows.is_empty() {
            // All is sent again: what is refused still is set aside anew.
            self.ledger.forget_not_copied(i64::MAX).await?;
            self.state.not_copied(0);
        }
        if !rows.is_empty() {
            self.send(shared, &rows).await?;
            self.ledger.copied(DESTINATION, until.seq()).await?;
        }
        let waiting = u64::try_from(last.saturating_sub(until.seq())).unwrap_or(0);
        self.state.outbox_copied(waiting);
        Ok(rows.len())
    }

    /// Copies one batch of objects; gives how many there were.
    async fn copy_objects(&self, shared: &UsageStore) -> Result<usize, DatabaseError> {
        let (_, copied) = self.ledger.outbox(OBJECTS_DESTINATION).await?;
        let after = Position::in_file(copied);
        let (rows, until) = self.ledger.objects_after(after, BATCH).await?;
        if !rows.is_empty() {
            self.send(shared, &rows).await?;
            let copied = self.ledger.copied(OBJECTS_DESTINATION, until.seq());
            copied.await?;
        }
        Ok(rows.len())
    }

    /// Writes rows to the server. Those that it refuses for their data are found by halves, and set
    /// aside: they hold up nothing.
    async fn send<R: Copied>(&self, shared: &UsageStore, rows: &[R]) -> Result<(), DatabaseError> {
        let mut parts = vec![rows];
        while let Some(part) = parts.pop() {
            let (records, objects) = R::tables(part);
            match (shared.write(records, objects).await, part) {
                (Ok(_), _) => {}
                (Err(error), [row]) if error.refuses_data() => {
                    let refused = row.refused(&error);
                    let NotCopied { kind, id, .. } = &refused;
                    tracing::error!(kind, id, %error, "PostgreSQL refuses it; it is passed over");
                    self.ledger.set_aside(refused).await?;
                    self.state.not_copied(self.ledger.count_not_copied().await?);
                }
                (Err(error), _) if error.refuses_data() => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }

    /// How many records wait, by what is known without the server.
    async fn waiting(&self) -> u64 {
        let (last, copied) = self.ledger.outbox(DESTINATION).await.unwrap_or_default();
        let last = u64::try_from(last).unwrap_or(0);
        let last = last.max(self.state.last_seq.load(Ordering::Relaxed));
        last.saturating_sub(u64::try_from(copied).unwrap_or(0))
    }
}

/// Rows of one of the tables that are copied.
trait Copied: Sync + Sized {
    /// The records and the objects among them: all of them are the one or the other.
    fn tables(rows: &[Self]) -> (&[LedgerRow], &[ObjectRow]);

    /// What is remembered where a server refuses one.
    fn refused(&self, why: &DatabaseError) -> NotCopied;
}

impl Copied for LedgerRow {
    fn tables(rows: &[Self]) -> (&[Self], &[ObjectRow]) {
        (rows, &[])
    }

    fn refused(&self, why: &DatabaseError) -> NotCopied {
        NotCopied::record(self, why)
    }
}

impl Copied for ObjectRow {
    fn tables(rows: &[Self]) -> (&[LedgerRow], &[Self]) {
        (&[], rows)
    }

    fn refused(&self, why: &DatabaseError) -> NotCopied {
        NotCopied::object(self, why)
    }
}
