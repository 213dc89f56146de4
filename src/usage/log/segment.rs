//! A segment: its name and its header.

use std::fmt;
use std::fs::File;
use std::str::FromStr;

use uuid::Uuid;

use crate::usage::{NoRandom, RecordId};

/// A segment that has so much is followed by another one.
pub(super) const SEGMENT_BYTES: usize = 4 * 1024 * 1024;
/// Where the first frame begins.
pub(crate) const HEADER_BYTES: usize = 64;

const MAGIC: &[u8; 8] = b"tollgate";
const VERSION: u32 = 1;
const SUFFIX: &str = ".log";

/// Names one log: what one process has written. Random, and sorted by the time when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogId(Uuid);

impl LogId {
    /// A new one.
    pub(super) fn new() -> Result<Self, NoRandom> {
        let id = RecordId::new(std::time::SystemTime::now())?;
        Ok(Self(Uuid::from_bytes(*id.as_bytes())))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// For what wants the same bytes each time.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

/// Names a segment, and its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) log: LogId,
    pub(crate) number: u64,
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:010}{SUFFIX}", self.log.0, self.number)
    }
}

impl FromStr for SegmentName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (log, number) = text
            .strip_suffix(SUFFIX)
            .and_then(|it| it.rsplit_once('-'))
            .ok_or(())?;
        let name = Self {
            log: LogId(Uuid::from_str(log).map_err(|_| ())?),
            number: number.parse().map_err(|_| ())?,
        };
        // What is spelled otherwise would be looked for under another name.
        (name.to_string() == text).then_some(name).ok_or(())
    }
}

/// A segment that is written.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: SegmentName,
    pub(super) file: File,
}

/// What the first bytes of a segment say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// It is of this version.
    Ours,
    /// It is of a later one.
    Later(u32),
    /// It can't be read; its frames may be whole.
    Broken,
}

pub(super) fn header(name: SegmentName) -> [u8; HEADER_BYTES] {
    header_of(name, VERSION)
}

fn header_of(name: SegmentName, version: u32) -> [u8; HEADER_BYTES] {
    let mut said = Vec::with_capacity(HEADER_BYTES);
    said.extend_from_slice(MAGIC);
    said.extend_from_slice(&version.to_le_bytes());
    said.extend_from_slice(name.log.as_bytes());
    said.extend_from_slice(&name.number.to_le_bytes());
    said.extend_from_slice(&crc32fast::hash(&said).to_le_bytes());
    let mut header = [0; HEADER_BYTES];
    for (to, from) in header.iter_mut().zip(said) {
        *to = from;
    }
    header
}

impl Header {
    /// Reads the header of a segment.
    pub(super) fn read(name: SegmentName, segment: &[u8]) -> Self {
        let begin = segment.get(..HEADER_BYTES);
        let version = begin
            .and_then(|it| it.get(MAGIC.len()..MAGIC.len() + 4))
            .and_then(|it| it.try_into().ok())
            .map_or(0, u32::from_le_bytes);
        match begin == Some(&header_of(name, version)) {
            true if version > VERSION => Self::Later(version),
            true if version == VERSION => Self::Ours,
            _ => Self::Broken,
        }
    }
}
