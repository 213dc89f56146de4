//! Writing: a group of frames with one write and one `fdatasync`.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::ahead::Ahead;
use super::folder::LogFolder;
use super::frame;
use super::segment::{HEADER_BYTES, LogId, SEGMENT_BYTES, Segment, SegmentName};

/// What writes a log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    folder: LogFolder,
    log: LogId,
    ahead: Arc<Ahead>,
    current: Option<Current>,
    /// Frames that were made so far.
    places: u64,
}

/// The segment that is written, and where its frames end.
#[derive(Debug)]
struct Current {
    segment: Segment,
    end: usize,
}

/// Frames that are written together.
#[derive(Debug)]
pub(crate) struct Group {
    bytes: Vec<u8>,
    last: u64,
}

/// How far a segment is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) segment: SegmentName,
    /// Where its frames end.
    pub(crate) end: u64,
    /// The place of the last one.
    pub(crate) last: u64,
}

impl LogWriter {
    /// Begins a log.
    pub(crate) fn start(folder: LogFolder) -> io::Result<Self> {
        let log = LogId::new().map_err(io::Error::other)?;
        let ahead = Arc::new(Ahead::new(folder.clone(), log));
        ahead.prepare()?;
        Ok(Self {
            folder,
            log,
            ahead,
            current: None,
            places: 0,
        })
    }

    /// What makes its segments.
    pub(crate) const fn ahead(&self) -> &Arc<Ahead> {
        &self.ahead
    }

    /// A group without frames.
    pub(crate) const fn group(&self) -> Group {
        Group {
            bytes: Vec::new(),
            last: self.places,
        }
    }

    /// Adds a frame to a group. Says no where its payload is too long.
    pub(crate) fn add(&mut self, group: &mut Group, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let place = self.places + 1;
        let is_added = frame::append(self.log, place, &mut group.bytes, write);
        if is_added {
            self.places = place;
            group.last = place;
        }
        is_added
    }

    /// Writes a group; it is on the disk when this returns. After an error the same group must be
    /// written again, before any other one.
    pub(crate) fn write(&mut self, group: &Group) -> io::Result<Written> {
        let fits = |current: &Current| {
            current.end == HEADER_BYTES || current.end + group.bytes.len() <= SEGMENT_BYTES
        };
        // It is put back only when all has gone well.
        let current = match self.current.take().filter(fits) {
            Some(current) => current,
            None => Current {
                segment: self.ahead.take()?,
                end: HEADER_BYTES,
            },
        };
        match append(&current, &group.bytes) {
            Ok(end) => {
                let segment = current.segment.name;
                self.current = Some(Current { end, ..current });
                Ok(Written {
                    segment,
                    end: u64::try_from(end).map_err(io::Error::other)?,
                    last: group.last,
                })
            }
            Err(error) => {
                if current.end == HEADER_BYTES {
                    // Nothing that anybody waits for is in it, and attempts would fill the disk.
                    let _ = self.folder.remove(current.segment.name);
                }
                Err(error)
            }
        }
    }
}

fn append(current: &Current, bytes: &[u8]) -> io::Result<usize> {
    let at = u64::try_from(current.end).map_err(io::Error::other)?;
    current.segment.file.write_all_at(bytes, at)?;
    current.segment.file.sync_data()?;
    Ok(current.end + bytes.len())
}

#[cfg(test)]
mod tests;
