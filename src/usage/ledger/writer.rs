//! The thread that writes the ledger: all that waits, in one transaction.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::state::LedgerState;
use super::{Durability, Ended, Entry, OnFailure};
use crate::backoff::Backoff;
use crate::database::DatabaseError;
use crate::usage::store::{LedgerRow, ObjectRow, UsageStore};

/// Records of one transaction.
const MAX_BATCH: usize = 512;
/// How long records are gathered where nobody waits for them: well below the 100 ms that are promised.
const GATHER_INTERVAL: Duration = Duration::from_millis(50);
/// How long to wait after a failure, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How often writing is tried at shutdown before what is left is lost.
const LAST_ATTEMPTS: u32 = 5;

/// The thread; it ends with [`Self::finish`].
#[derive(Debug)]
pub struct LedgerWriter {
    thread: JoinHandle<()>,
    queue: mpsc::UnboundedSender<Entry>,
}

impl LedgerWriter {
    pub(super) fn start(
        entries: mpsc::UnboundedReceiver<Entry>,
        queue: mpsc::UnboundedSender<Entry>,
        store: UsageStore,
        state: &Arc<LedgerState>,
    ) -> Result<Self, DatabaseError> {
        let failed = |error: io::Error| DatabaseError::Statement(error.into());
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let writing = Writing {
            store,
            state: Arc::clone(state),
            is_ending: false,
        };
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || runtime.block_on(writing.run(entries)))
            .map_err(failed)?;
        Ok(Self { thread, queue })
    }

    /// Writes all that has been handed over and ends; blocks until then. What can't be written after
    /// some attempts is lost, and counted.
    pub fn finish(self) {
        let is_writing = self.queue.send(Entry::End).is_ok();
        if !is_writing || self.thread.join().is_err() {
            tracing::error!("the ledger's thread has failed");
        }
    }
}

struct Writing {
    store: UsageStore,
    state: Arc<LedgerState>,
    is_ending: bool,
}

/// Records that are written together with what their requests have made, and who waits for them.
#[derive(Default)]
struct Batch {
    rows: Vec<LedgerRow>,
    objects: Vec<ObjectRow>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, ended: Ended) {
        let row = LedgerRow::from(&*ended.record);
        let at = row.started_ms;
        let changes = ended.changes.iter();
        self.objects
            .extend(changes.map(|change| ObjectRow::new(change, at)));
        self.rows.push(row);
        self.waiting.extend(ended.written);
    }

    fn let_go(&mut self) {
        for waiting in self.waiting.drain(..) {
            // Nobody waits any more where the client has hung up.
            let _ = waiting.send(());
        }
    }
}

impl Writing {
    async fn run(mut self, mut entries: mpsc::UnboundedReceiver<Entry>) {
        let mut received = Vec::with_capacity(MAX_BATCH);
        while !self.is_ending && entries.recv_many(&mut received, MAX_BATCH).await > 0 {
            if self.state.durability == Durability::Relaxed {
                sleep(GATHER_INTERVAL).await;
            }
            let mut batch = Batch::default();
            for entry in received.drain(..) {
                match entry {
                    Entry::Record(ended) => batch.add(*ended),
                    Entry::End => self.is_ending = true,
                }
            }
            while self.is_ending || batch.rows.len() < MAX_BATCH {
                match entries.try_recv() {
                    Ok(Entry::Record(ended)) => batch.add(*ended),
                    Ok(Entry::End) => self.is_ending = true,
                    Err(_) => break,
                }
            }
            if !batch.rows.is_empty() {
                self.write(&mut batch).await;
            }
        }
        self.store.close().await;
    }

    /// Writes until it succeeds, or the service ends and it does not.
    async fn write(&self, batch: &mut Batch) {
        let count = batch.rows.len();
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        loop {
            match self.try_write(batch, backoff.failures() > 0).await {
                Ok(last_seq) => {
                    self.state.wrote(count, last_seq);
                    return batch.let_go();
                }
                Err(error) => self.state.failed(&error),
            }
            if self.state.on_failure == OnFailure::Continue {
                batch.let_go();
            }
            let pause = backoff.pause();
            if self.is_ending && backoff.failures() >= LAST_ATTEMPTS {
                self.state.lose(u64::try_from(count).unwrap_or(u64::MAX));
                return;
            }
            sleep(pause).await;
        }
    }

    /// A transaction whose end was not heard of may have been written: it is looked for first.
    async fn try_write(&self, batch: &Batch, is_again: bool) -> Result<i64, DatabaseError> {
        if let (true, Some(first)) = (is_again, batch.rows.first())
            && self.store.contains(first).await?
        {
            return self.store.last_seq().await;
        }
        self.store.write(&batch.rows, &batch.objects).await
    }
}
