//! Frames: how one is written, and whether bytes begin with one.

use super::segment::LogId;

/// What a frame begins with: where bytes are damaged, the next one is looked for by it.
pub(super) const MARK: [u8; 4] = *b"rec\n";
/// What stands before a payload.
pub(super) const FRAME_HEADER: usize = 20;
/// A longer payload is none of ours.
pub(super) const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Its place in its log, from 1 on.
    pub(crate) place: u64,
    pub(crate) payload: &'a [u8],
}

fn check(log: LogId, length: u32, place: u64, payload: &[u8]) -> u32 {
    let mut check = crc32fast::Hasher::new();
    check.update(log.as_bytes());
    check.update(&length.to_le_bytes());
    check.update(&place.to_le_bytes());
    check.update(payload);
    check.finalize()
}

/// Appends a frame whose payload `write` appends. Says no, and appends nothing, where it is too long.
pub(crate) fn append(
    log: LogId,
    place: u64,
    bytes: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> bool {
    let start = bytes.len();
    bytes.resize(start + FRAME_HEADER, 0);
    write(bytes);
    let (_, frame) = bytes.split_at_mut(start);
    let Some((header, payload)) = frame.split_first_chunk_mut::<FRAME_HEADER>() else {
        return false;
    };
    let length = match u32::try_from(payload.len()) {
        Ok(length) if payload.len() <= MAX_PAYLOAD => length,
        _ => {
            bytes.truncate(start);
            return false;
        }
    };
    let check = check(log, length, place, payload);
    let fields = MARK
        .into_iter()
        .chain(length.to_le_bytes())
        .chain(place.to_le_bytes())
        .chain(check.to_le_bytes());
    for (to, from) in header.iter_mut().zip(fields) {
        *to = from;
    }
    true
}

/// The frame that the bytes begin with, if they do, and its length.
pub(super) fn first(log: LogId, bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (header, rest) = bytes.split_first_chunk::<FRAME_HEADER>()?;
    let (mark, fields) = header.split_first_chunk::<4>()?;
    let (length, fields) = fields.split_first_chunk::<4>()?;
    let (place, checked) = fields.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(*length);
    let place = u64::from_le_bytes(*place);
    let payload = rest.get(..usize::try_from(length).ok()?)?;
    let is_whole = *mark == MARK
        && payload.len() <= MAX_PAYLOAD
        && *checked == check(log, length, place, payload).to_le_bytes();
    is_whole.then_some((Frame { place, payload }, FRAME_HEADER + payload.len()))
}
