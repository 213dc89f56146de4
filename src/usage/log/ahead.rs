//! Segments, made before they are needed: zeros of megabytes are not for those who wait.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::folder::LogFolder;
use super::segment::{LogId, Segment, SegmentName};

/// The next segment of a log.
#[derive(Debug)]
pub(crate) struct Ahead {
    folder: LogFolder,
    log: LogId,
    next: Mutex<Next>,
}

#[derive(Debug)]
struct Next {
    number: u64,
    ready: Option<Segment>,
}

impl Ahead {
    pub(super) fn new(folder: LogFolder, log: LogId) -> Self {
        let next = Next {
            number: 1,
            ready: None,
        };
        Self {
            folder,
            log,
            next: Mutex::new(next),
        }
    }

    /// Makes the next one if it isn't there.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        let mut next = self.lock();
        if next.ready.is_none() {
            next.ready = Some(self.create(&mut next)?);
        }
        Ok(())
    }

    /// Takes the next one. Who comes while it is made waits for it, so that numbers are in the order
    /// of frames.
    pub(super) fn take(&self) -> io::Result<Segment> {
        let mut next = self.lock();
        match next.ready.take() {
            Some(ready) => Ok(ready),
            None => self.create(&mut next),
        }
    }

    fn create(&self, next: &mut Next) -> io::Result<Segment> {
        let name = SegmentName {
            log: self.log,
            number: next.number,
        };
        let segment = self.folder.create(name)?;
        next.number += 1;
        Ok(segment)
    }

    fn lock(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
