//! The log without a disk: for the fuzzer, which wants the same bytes each time.

use super::log::{LogId, Scan, append};
use super::store::LogEntry;

const LOG: &[u8; 16] = b"a log for trials";

/// What bytes of a log hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTrial {
    /// The payloads of its frames.
    pub payloads: Vec<Vec<u8>>,
    /// Those among them that are entries of the ledger.
    pub entries: usize,
    /// There is nothing else.
    pub is_whole: bool,
}

impl LogTrial {
    /// The bytes of frames with these payloads.
    pub fn write(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (place, payload) in (1..).zip(payloads) {
            append(LogId::from_bytes(*LOG), place, &mut bytes, |to| {
                to.extend_from_slice(payload);
            });
        }
        bytes
    }

    /// Reads bytes as the service does at its start.
    pub fn read(bytes: &[u8]) -> Self {
        let scan = Scan::everything(LogId::from_bytes(*LOG), bytes);
        let is_entry = |payload: &[u8]| LogEntry::read(payload).is_some();
        let frames = &scan.frames;
        Self {
            payloads: frames.iter().map(|it| it.payload.to_vec()).collect(),
            entries: frames.iter().filter(|it| is_entry(it.payload)).count(),
            is_whole: !scan.is_damaged && scan.rest == 0,
        }
    }
}
