//! What a frame of the log holds: protobuf, because a later version may know more columns, and an
//! earlier one passes them over.

use prost::Message;

use super::{LedgerRow, ObjectRow};

/// A request that has ended.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct LogEntry {
    /// Its record.
    #[prost(message, optional, tag = "1")]
    pub(crate) record: Option<LedgerRow>,
    /// What it has made, or deleted, that the service stores.
    #[prost(message, repeated, tag = "2")]
    pub(crate) objects: Vec<ObjectRow>,
}

/// An entry, and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) place: u64,
    pub(crate) entry: LogEntry,
}

impl LogEntry {
    /// Appends it to a buffer.
    pub(crate) fn append(&self, bytes: &mut Vec<u8>) {
        // The only error is a buffer without room, and this one grows.
        let _ = self.encode(bytes);
    }

    /// Reads a payload; `None` for one that is none of ours.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        Self::decode(payload).ok()
    }
}
