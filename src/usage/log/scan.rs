//! Reading frames out of bytes, whatever has happened to them.

use memchr::memmem::Finder;

use super::frame::{FRAME_HEADER, Frame, MARK, MAX_PAYLOAD, first};
use super::segment::{HEADER_BYTES, Header, LogId, SEGMENT_BYTES, SegmentName};

/// Bytes that are checked in search of a frame behind damaged ones. What has so many marks and so few
/// frames is not a segment.
const MAX_SEARCHED: usize = 16 * SEGMENT_BYTES;

/// What bytes hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan<'a> {
    /// Every frame that is whole.
    pub(crate) frames: Vec<Frame<'a>>,
    /// Bytes were passed over between frames.
    pub(crate) is_damaged: bool,
    /// Bytes behind the last frame that are neither a frame nor zeros: one that was not written whole,
    /// or is damaged.
    pub(crate) rest: usize,
}

impl<'a> Scan<'a> {
    /// Reads all frames that are whole, also behind such as are not.
    pub(crate) fn everything(log: LogId, bytes: &'a [u8]) -> Self {
        let mut scan = Self::default();
        let mut budget = MAX_SEARCHED;
        let mut rest = scan.follow(log, bytes);
        while let Some(behind) = search(log, rest, &mut budget) {
            scan.is_damaged = true;
            rest = scan.follow(log, behind);
        }
        let end = rest.iter().rposition(|byte| *byte != 0);
        scan.rest = end.map_or(0, |last| last + 1);
        scan
    }

    /// Reads frames up to the first that is not whole: of a segment that is being written, nobody knows
    /// of what comes behind it.
    pub(crate) fn whole(log: LogId, bytes: &'a [u8]) -> Self {
        let mut scan = Self::default();
        scan.follow(log, bytes);
        scan
    }

    fn follow(&mut self, log: LogId, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some((frame, length)) = first(log, bytes) {
            self.frames.push(frame);
            bytes = bytes.get(length..).unwrap_or_default();
        }
        bytes
    }
}

/// The bytes from the next frame on.
fn search<'a>(log: LogId, bytes: &'a [u8], budget: &mut usize) -> Option<&'a [u8]> {
    let finder = Finder::new(&MARK);
    for at in finder.find_iter(bytes) {
        let behind = bytes.get(at..)?;
        let length = behind
            .get(MARK.len()..MARK.len() + 4)
            .and_then(|it| it.try_into().ok())
            .map(u32::from_le_bytes)?;
        let length = usize::try_from(length).ok()?;
        // Only a frame that may be one is read through.
        let is_read = length <= MAX_PAYLOAD && behind.len() >= FRAME_HEADER + length;
        let cost = FRAME_HEADER + if is_read { length } else { 0 };
        *budget = budget.checked_sub(cost)?;
        if first(log, behind).is_some() {
            return Some(behind);
        }
    }
    None
}

/// What a segment is, and the bytes behind its header.
pub(super) fn open(name: SegmentName, segment: &[u8]) -> (Header, &[u8]) {
    let frames = segment.get(HEADER_BYTES..).unwrap_or_default();
    (Header::read(name, segment), frames)
}

#[cfg(test)]
mod tests;
