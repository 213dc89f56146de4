//! The ledger: every usage record on this machine's disk, before the client has the last byte of its
//! answer.
//!
//! A request hands its record over with one send to a thread of the ledger's own, which appends all
//! that waits to a log with one `fdatasync` (group commit) and then releases each of them. A second
//! thread fills the SQLite file from the log, which everything else reads: reports, PostgreSQL's copy,
//! retention.

mod disk;
mod filler;
mod handover;
mod objects;
mod outbox;
mod prune;
mod recovery;
mod retention;
mod state;
mod writer;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

pub use objects::load_owners;
pub use outbox::Outbox;
pub use retention::Retention;
pub use state::{LedgerState, LedgerStatus};
pub use writer::LedgerWriter;

use super::UsageRecord;
use crate::access::ObjectChange;
use crate::database::{DatabaseError, DatabaseUrl, Synchronous};
use crate::usage::log::LogFolder;
use crate::usage::store::UsageStore;

/// Records that may wait to be written: about 100 MB. Beyond them records are lost, and counted.
const MAX_WAITING: usize = 65_536;
/// Records that wait before new requests are refused: the rest of the room is for those on their way.
const MAX_WAITING_BEFORE_REFUSAL: usize = MAX_WAITING / 2;

/// The name under which the ledger remembers how far its records have been copied.
const DESTINATION: &str = "postgres";

/// When a request may complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Its record is on the disk.
    Strict,
    /// At once; its record is on the disk within 100 ms.
    Relaxed,
}

/// What happens while records can't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// New requests are refused.
    Refuse,
    /// Requests go on; records wait, and are lost and counted when there are too many.
    Continue,
}

/// How the ledger is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerOptions {
    /// When a request may complete.
    pub durability: Durability,
    /// What happens while records can't be written.
    pub on_failure: OnFailure,
    /// How long records are kept.
    pub retention: Duration,
}

/// Where requests hand their records over; clones share the ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    queue: mpsc::UnboundedSender<Entry>,
    state: Arc<LedgerState>,
}

enum Entry {
    Record(Box<Ended>),
    End,
}

/// A request that has ended: what is written of it.
struct Ended {
    record: Arc<UsageRecord>,
    /// What it has made, or deleted, that the service stores.
    changes: Vec<ObjectChange>,
    /// When it was handed over.
    since: Instant,
    /// Who waits until it is on the disk.
    written: Option<oneshot::Sender<()>>,
}

/// New requests are not taken: their records could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwritable;

/// Ready when the record is on the disk, or the ledger is configured to go on without it; an error
/// where it is lost and the client must not have a whole answer.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<()>);

impl Future for Receipt {
    type Output = Result<(), Unwritable>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|written| written.map_err(|_| Unwritable))
    }
}

impl Ledger {
    /// Opens the ledger in a data directory, takes in what the log has of earlier processes, and starts
    /// its threads.
    ///
    /// # Errors
    /// The database's, where the file can't be opened or is not ours, or the log's, where another
    /// process writes it or it can't be read.
    pub async fn start(
        directory: PathBuf,
        options: &LedgerOptions,
    ) -> Result<(Self, LedgerWriter, UsageStore), DatabaseError> {
        // Before the tables are brought up to date: another process may be using them.
        let folder = LogFolder::in_directory(&directory);
        let lock = folder.lock().map_err(DatabaseError::Log)?;
        let url =
            DatabaseUrl::in_directory(&directory, crate::usage::store::LEDGER, Synchronous::Full);
        let store = UsageStore::open(&url).await?;
        let state = Arc::new(LedgerState::new(directory.clone(), options));
        recovery::recover(&folder, &store, &state).await?;
        let (queue, entries) = mpsc::unbounded_channel();
        let writer =
            LedgerWriter::start(entries, queue.clone(), folder, lock, store.clone(), &state)?;
        Ok((Self { queue, state }, writer, store))
    }

    /// Its state, for health and metrics.
    pub fn state(&self) -> &Arc<LedgerState> {
        &self.state
    }

    /// Whether a new request may go out: its record could be written.
    ///
    /// # Errors
    /// [`Unwritable`], only where the ledger is configured to refuse.
    pub fn admit(&self) -> Result<(), Unwritable> {
        let is_full = || self.state.waiting.load(Ordering::Relaxed) >= MAX_WAITING_BEFORE_REFUSAL;
        match self.state.on_failure {
            OnFailure::Refuse if self.state.is_unwritable() || is_full() => Err(Unwritable),
            OnFailure::Refuse | OnFailure::Continue => Ok(()),
        }
    }

    /// Whether there is room for records that nobody waits for at the moment.
    pub fn has_room(&self) -> bool {
        self.state.waiting.load(Ordering::Relaxed) < MAX_WAITING_BEFORE_REFUSAL
    }

    /// Hands a record over, with what its request has made. What comes back must be waited for before
    /// the answer's end is given.
    pub fn write(&self, record: Arc<UsageRecord>, changes: Vec<ObjectChange>) -> Option<Receipt> {
        let state = &self.state;
        let waits = state.durability == Durability::Strict
            && (state.on_failure == OnFailure::Refuse || !state.is_failing());
        let (written, receipt) = waits.then(oneshot::channel).unzip();
        if state.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            state.waiting.fetch_sub(1, Ordering::Relaxed);
            state.lose(1);
            // The sender is dropped: the receipt says that the record is lost.
            return receipt.map(Receipt);
        }
        let ended = Box::new(Ended {
            record,
            changes,
            since: Instant::now(),
            written,
        });
        if self.queue.send(Entry::Record(ended)).is_err() {
            state.waiting.fetch_sub(1, Ordering::Relaxed);
            state.lose(1);
        }
        receipt.map(Receipt)
    }
}
