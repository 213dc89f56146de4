//! The log of the ledger: what is on the disk before anybody is told that it is written. It knows
//! frames of bytes; what is in them is `usage/store/entry.rs`'s.
//!
//! ```text
//! folder  = usage-log/ { segment } lock     ; next to usage.db
//! segment = header { frame } { zero }       ; LOG-NUMBER.log, of one log, in the order of their numbers
//! header  = "tollgate" version log number check, then zeros up to 64 bytes
//! frame   = mark length place check payload ; 20 bytes before the payload
//! ```
//!
//! Integers are little-endian. A process begins a log of its own, and the places of its frames count
//! from 1: so a place says which frames were taken out already, and which are missing. `check` is the
//! CRC-32 of the log's id, length, place and payload. The id is random: nobody who has texts written
//! into a payload can make something in it that looks like a frame.
//!
//! A segment is filled with zeros before it is used, so that a `fdatasync` writes what was added and
//! nothing of the file system's own. After a write or a `fdatasync` that failed nothing more goes into a
//! segment: the kernel may have dropped what it could not write and would say of the next attempt that
//! all is well. The same frames go into another one.

mod ahead;
mod folder;
mod frame;
mod scan;
mod segment;
mod writer;

pub(crate) use ahead::Ahead;
pub(crate) use folder::{LogFolder, LogLock};
pub(crate) use frame::{Frame, append};
pub(crate) use scan::Scan;
pub(crate) use segment::{HEADER_BYTES, Header, LogId, SegmentName};
pub(crate) use writer::{Group, LogWriter, Written};
