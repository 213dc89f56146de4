//! At the start: what earlier processes have left in the log goes into the file.
//!
//! A frame that was not written whole is the end of what a killed process wrote, and nobody was told that
//! it is written: it is cut, and said. One that is damaged in the middle is lost; what follows it is
//! taken all the same, and the segment is kept for somebody to look at. The service starts: to refuse
//! all requests would not bring a record back.

use std::io;

use super::state::LedgerState;
use crate::database::DatabaseError;
use crate::usage::log::{Header, LogFolder, Scan, SegmentName};
use crate::usage::store::{Gap, Placed, UsageStore};

/// A segment that has been taken.
struct Taken {
    segment: SegmentName,
    /// It holds something that can't be read.
    is_damaged: bool,
    /// Bytes at its end that are not a frame.
    rest: usize,
    /// Frames that are missing before one of its own.
    missing: u64,
}

/// Fills the file from all segments that are there, and removes them.
pub(super) async fn recover(
    folder: &LogFolder,
    store: &UsageStore,
    state: &LedgerState,
) -> Result<(), DatabaseError> {
    folder.tidy().map_err(DatabaseError::Log)?;
    let mut all = Vec::new();
    for segment in folder.segments().map_err(DatabaseError::Log)? {
        all.push(take(folder, store, segment).await?);
    }
    let missing: u64 = all.iter().map(|it| it.missing).sum();
    if missing > 0 {
        tracing::error!(missing, "the usage log has lost records");
        state.lose(missing);
    }
    for (at, taken) in all.iter().enumerate() {
        let next = all.get(at + 1);
        let is_cause = taken.rest > 0 && next.is_some_and(|it| it.missing > 0);
        let segment = taken.segment;
        if taken.is_damaged || is_cause {
            let kept = folder.set_aside(segment).map_err(DatabaseError::Log)?;
            let kept = kept.display();
            tracing::error!(%kept, "a segment of the usage log is damaged; what follows it was taken");
            continue;
        }
        if taken.rest > 0 {
            let bytes = taken.rest;
            tracing::warn!(%segment, bytes, "the usage log ends within a record; that one is cut");
        }
        folder.remove(segment).map_err(DatabaseError::Log)?;
    }
    store.forget_old_logs().await
}

async fn take(
    folder: &LogFolder,
    store: &UsageStore,
    segment: SegmentName,
) -> Result<Taken, DatabaseError> {
    let (header, bytes) = folder.read(segment).map_err(DatabaseError::Log)?;
    if let Header::Later(version) = header {
        let path = folder.path(segment);
        let why = format!("{} has version {version} of the log", path.display());
        return Err(DatabaseError::Log(io::Error::other(why)));
    }
    let scan = Scan::everything(segment.log, &bytes);
    let entries = Placed::all(&scan.frames);
    let filled = store.fill(segment.log, &entries, Gap::Pass).await?;
    let is_understood = entries.len() == scan.frames.len();
    Ok(Taken {
        segment,
        is_damaged: scan.is_damaged || header == Header::Broken || !is_understood,
        rest: scan.rest,
        missing: filled.missing,
    })
}

#[cfg(test)]
mod tests;
