//! The thread that fills the file from the log, in large batches, and removes what is in the file.
//!
//! It reads what the other thread has written back from the disk, as the next process would: there is
//! one way from the log into the file, and it is always in use.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime;
use tokio::time::sleep;

use super::handover::Handover;
use super::state::LedgerState;
use crate::backoff::Backoff;
use crate::database::DatabaseError;
use crate::usage::log::{Ahead, HEADER_BYTES, LogFolder, LogLock, Scan, SegmentName, Written};
use crate::usage::store::{Gap, Placed, UsageStore};

/// How long records are gathered. A transaction costs as much as a hundred records, whatever it holds, and
/// nobody waits for it: commands look into the log themselves.
const GATHER_INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait after a failure, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How often filling is tried at shutdown: what is left stays in the log for the next start.
const LAST_ATTEMPTS: u32 = 5;

/// What fills.
pub(super) struct Filler {
    pub(super) folder: LogFolder,
    pub(super) ahead: Arc<Ahead>,
    pub(super) handover: Arc<Handover>,
    pub(super) store: UsageStore,
    pub(super) state: Arc<LedgerState>,
    /// Held as long as anything of the log is used.
    pub(super) lock: LogLock,
}

/// How far a segment has been read.
struct Read {
    segment: SegmentName,
    end: u64,
    /// It holds something that can't be read back.
    is_damaged: bool,
}

impl Filler {
    /// Starts its thread; it ends when the handover does.
    pub(super) fn start(self) -> io::Result<JoinHandle<()>> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("ledger-file".to_owned())
            .spawn(move || runtime.block_on(self.run()))
    }

    async fn run(self) {
        let mut read = None;
        loop {
            self.handover.wait().await;
            if !self.handover.is_ended() {
                sleep(GATHER_INTERVAL).await;
            }
            while let Some(written) = self.handover.take() {
                if !self.follow(&mut read, written).await {
                    // It ends, and the rest stays in the log.
                    return self.close().await;
                }
            }
            if self.handover.is_ended() {
                break;
            }
            if let Err(error) = self.ahead.prepare() {
                // Who needs it will try again, and say so.
                tracing::debug!(%error, "the next segment of the usage log can't be made yet");
            }
        }
        if let Some(read) = read {
            self.release(&read);
        }
        self.remove_all();
        self.close().await;
    }

    /// Takes what was written. Says no where it has to be given up.
    async fn follow(&self, read: &mut Option<Read>, written: Written) -> bool {
        if let Some(old) = read.take_if(|it| it.segment != written.segment) {
            self.release(&old);
        }
        let read = read.get_or_insert(Read {
            segment: written.segment,
            end: u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX),
            is_damaged: false,
        });
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        while let Err(error) = self.take(read, written).await {
            self.state.fill_failed(&error);
            let pause = backoff.pause();
            if self.handover.is_ended() && backoff.failures() >= LAST_ATTEMPTS {
                tracing::error!(%error, "records stay in the usage log until the next start");
                return false;
            }
            sleep(pause).await;
        }
        true
    }

    async fn take(&self, read: &mut Read, written: Written) -> Result<(), DatabaseError> {
        let part = self.folder.read_part(read.segment, read.end, written.end);
        let part = part.map_err(DatabaseError::Log)?;
        let scan = Scan::everything(written.segment.log, &part);
        let entries = Placed::all(&scan.frames);
        let filled = self.store.fill(written.segment.log, &entries, Gap::Pass);
        let filled = filled.await?;
        read.end = written.end;
        read.is_damaged |= scan.is_damaged || scan.rest > 0 || entries.len() != scan.frames.len();
        if filled.missing > 0 {
            self.state.lose(filled.missing);
        }
        self.state.filled(filled.last_seq);
        Ok(())
    }

    /// What could be read of a segment is in the file.
    fn release(&self, read: &Read) {
        let segment = read.segment;
        match read.is_damaged.then(|| self.folder.set_aside(segment)) {
            None => self.remove(segment),
            Some(Ok(kept)) => {
                let kept = kept.display();
                tracing::error!(%kept, "a segment of the usage log can't be read back: records are lost");
            }
            Some(Err(error)) => {
                tracing::error!(%segment, %error, "a segment of the usage log is damaged");
            }
        }
    }

    /// Everything is in the file.
    fn remove_all(&self) {
        match self.folder.segments() {
            Ok(segments) => segments.into_iter().for_each(|it| self.remove(it)),
            Err(error) => tracing::warn!(%error, "the usage log can't be tidied"),
        }
    }

    /// The next start removes it otherwise, and takes nothing of it again.
    fn remove(&self, segment: SegmentName) {
        if let Err(error) = self.folder.remove(segment) {
            tracing::warn!(%segment, %error, "a segment of the usage log can't be removed");
        }
    }

    async fn close(self) {
        self.store.close().await;
        drop(self.lock);
    }
}
