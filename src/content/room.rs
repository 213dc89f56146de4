//! How many bytes of prompts and answers are kept at a time, of all requests together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of all requests that are served or wait to be written.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The room that there is. Copies are of the same one.
#[derive(Clone)]
pub struct Room(Arc<AtomicUsize>);

impl Default for Room {
    fn default() -> Self {
        Self::of(MAX_BYTES)
    }
}

impl Room {
    /// Room for so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// No bytes yet, to be added to.
    pub(super) fn taken(&self) -> Taken {
        Taken {
            room: self.clone(),
            bytes: 0,
        }
    }
}

/// What one request has taken of it, until it is dropped.
pub(super) struct Taken {
    room: Room,
    bytes: usize,
}

impl Taken {
    /// Takes more; says whether there was room.
    pub(super) fn add(&mut self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        let room = &self.room.0;
        let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}
