//! The thread that writes the log: all that waits, with one `fdatasync`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::filler::Filler;
use super::handover::Handover;
use super::state::LedgerState;
use super::{Durability, Entry, OnFailure};
use crate::backoff::Backoff;
use crate::database::DatabaseError;
use crate::usage::log::{Group, LogFolder, LogLock, LogWriter};
use crate::usage::store::{LedgerRow, LogEntry, ObjectRow, UsageStore};

/// Records of one group.
const MAX_GROUP: usize = 512;
/// Objects of one frame: an answer may have made very many.
const MAX_OBJECTS: usize = 1000;
/// How long records are gathered where nobody waits for them: well below the 100 ms that are promised.
const GATHER_INTERVAL: Duration = Duration::from_millis(50);
/// A record that comes so soon after the last group is not of somebody who had waited for that one:
/// the service is busy, and more come.
const BUSY_WITHIN: Duration = Duration::from_micros(500);
/// From the beginning of one group to that of the next, where it is busy: more go into one.
const GROUP_INTERVAL: Duration = Duration::from_millis(2);
/// How long to wait after a failure, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How often writing is tried at shutdown before what is left is lost.
const LAST_ATTEMPTS: u32 = 5;

/// The ledger's threads; they end with [`Self::finish`].
#[derive(Debug)]
pub struct LedgerWriter {
    writing: JoinHandle<()>,
    filling: JoinHandle<()>,
    queue: mpsc::UnboundedSender<Entry>,
    stops: Arc<AtomicBool>,
}

impl LedgerWriter {
    pub(super) fn start(
        entries: mpsc::UnboundedReceiver<Entry>,
        queue: mpsc::UnboundedSender<Entry>,
        folder: LogFolder,
        lock: LogLock,
        store: UsageStore,
        state: &Arc<LedgerState>,
    ) -> Result<Self, DatabaseError> {
        let log = LogWriter::start(folder.clone()).map_err(DatabaseError::Log)?;
        let handover = Arc::new(Handover::default());
        let filler = Filler {
            folder,
            ahead: Arc::clone(log.ahead()),
            handover: Arc::clone(&handover),
            store,
            state: Arc::clone(state),
            lock,
        };
        let stops = Arc::new(AtomicBool::new(false));
        let writing = Writing {
            log,
            handover,
            state: Arc::clone(state),
            stops: Arc::clone(&stops),
            is_ending: false,
            last: None,
        };
        let filling = filler.start().map_err(DatabaseError::Log)?;
        let writing = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writing.run(entries))
            .map_err(DatabaseError::Log)?;
        Ok(Self {
            writing,
            filling,
            queue,
            stops,
        })
    }

    /// Writes all that has been handed over and ends; blocks until then. What can't be written after
    /// some attempts is lost, and counted.
    pub fn finish(self) {
        // A group that can't be written is tried again and again, and nobody takes the end from the queue.
        self.stops.store(true, Ordering::Relaxed);
        let is_writing = self.queue.send(Entry::End).is_ok();
        if !is_writing || self.writing.join().is_err() || self.filling.join().is_err() {
            tracing::error!("a thread of the ledger has failed");
        }
    }
}

struct Writing {
    log: LogWriter,
    handover: Arc<Handover>,
    state: Arc<LedgerState>,
    /// The service ends: what can't be written is not tried for ever.
    stops: Arc<AtomicBool>,
    /// All has been taken from the queue.
    is_ending: bool,
    /// When the last group was written.
    last: Option<Last>,
}

struct Last {
    began: Instant,
    ended: Instant,
}

/// Records that are written together, and who waits for them.
struct Batch {
    group: Group,
    count: usize,
    waiting: Vec<oneshot::Sender<()>>,
    /// When the first of them was handed over.
    since: Option<Instant>,
}

impl Batch {
    fn let_go(&mut self) {
        for waiting in self.waiting.drain(..) {
            // Nobody waits any more where the client has hung up.
            let _ = waiting.send(());
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.handover.end();
    }
}

impl Writing {
    fn run(mut self, mut entries: mpsc::UnboundedReceiver<Entry>) {
        let mut received = Vec::with_capacity(MAX_GROUP);
        while !self.is_ending && entries.blocking_recv_many(&mut received, MAX_GROUP) > 0 {
            if received.len() < MAX_GROUP {
                self.gather();
            }
            let mut batch = Batch {
                group: self.log.group(),
                count: 0,
                waiting: Vec::new(),
                since: None,
            };
            for entry in received.drain(..) {
                self.add(&mut batch, entry);
            }
            while self.stops.load(Ordering::Relaxed) || batch.count < MAX_GROUP {
                match entries.try_recv() {
                    Ok(entry) => self.add(&mut batch, entry),
                    Err(_) => break,
                }
            }
            if batch.count > 0 {
                let began = Instant::now();
                self.write(&mut batch);
                let ended = Instant::now();
                self.last = Some(Last { began, ended });
            }
        }
    }

    /// Lets more records come.
    fn gather(&mut self) {
        let pause = match (self.state.durability, &self.last) {
            (Durability::Relaxed, _) => GATHER_INTERVAL,
            (Durability::Strict, Some(last)) if last.ended.elapsed() < BUSY_WITHIN => {
                GROUP_INTERVAL.saturating_sub(last.began.elapsed())
            }
            (Durability::Strict, _) => Duration::ZERO,
        };
        if !pause.is_zero() {
            sleep(pause);
        }
    }

    fn add(&mut self, batch: &mut Batch, entry: Entry) {
        let ended = match entry {
            Entry::Record(ended) => *ended,
            Entry::End => {
                self.is_ending = true;
                return;
            }
        };
        let row = LedgerRow::from(&*ended.record);
        let at = row.started_ms;
        let objects: Vec<_> = ended
            .changes
            .iter()
            .map(|it| ObjectRow::new(it, at))
            .collect();
        let mut objects = objects.chunks(MAX_OBJECTS);
        let first = LogEntry {
            record: Some(row),
            objects: objects.next().unwrap_or_default().to_vec(),
        };
        let more = objects.map(|some| LogEntry {
            record: None,
            objects: some.to_vec(),
        });
        let is_added = std::iter::once(first)
            .chain(more)
            .all(|entry| self.log.add(&mut batch.group, |bytes| entry.append(bytes)));
        if !is_added {
            // Its sender is dropped: the receipt says that it is lost.
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
            return self.state.lose(1);
        }
        batch.count += 1;
        batch.since.get_or_insert(ended.since);
        batch.waiting.extend(ended.written);
    }

    /// Writes until it succeeds, or the service ends and it does not.
    fn write(&mut self, batch: &mut Batch) {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        loop {
            match self.log.write(&batch.group) {
                Ok(written) => {
                    self.state.wrote(batch.count, batch.since);
                    batch.let_go();
                    return self.handover.wrote(written);
                }
                Err(error) => self.state.failed(&error),
            }
            if self.state.on_failure == OnFailure::Continue {
                batch.let_go();
            }
            let pause = backoff.pause();
            let stops = self.stops.load(Ordering::Relaxed);
            if stops && backoff.failures() >= LAST_ATTEMPTS {
                let count = u64::try_from(batch.count).unwrap_or(u64::MAX);
                return self.state.lose(count);
            }
            sleep(pause);
        }
    }
}
