//! The id of a usage record: a UUID of version 7 (RFC 9562, section 5.7), so that ids sort by the
//! time when their requests came, and a range of time is a range of ids.

use std::fmt;
use std::time::SystemTime;

use crate::unix_time;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// Names one usage record, here and wherever it is copied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(Uuid);

/// The system's random number generator failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct NoRandom;

impl RecordId {
    /// An id for a request that came at this moment.
    ///
    /// # Errors
    /// [`NoRandom`]
    pub fn new(at: SystemTime) -> Result<Self, NoRandom> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|_| NoRandom)?;
        Ok(Self(
            Builder::from_unix_timestamp_millis(unix_ms(at), &random).into_uuid(),
        ))
    }

    /// The id of something that is charged once and has a name of its own, and began at this moment: the
    /// same wherever and however often it is made.
    pub fn of(at: SystemTime, name: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(name).into();
        let mut derived = [0; 10];
        for (to, from) in derived.iter_mut().zip(digest) {
            *to = from;
        }
        Self(Builder::from_unix_timestamp_millis(unix_ms(at), &derived).into_uuid())
    }

    /// The bytes that sort before every id from this moment on, and after every one before it.
    pub fn first_at(at: SystemTime) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (to, from) in bytes
            .iter_mut()
            .zip(unix_ms(at).to_be_bytes().into_iter().skip(2))
        {
            *to = from;
        }
        bytes
    }

    /// The last bits of the id of a request, which are random.
    pub fn random(&self) -> u32 {
        let [.., a, b, c, d] = *self.as_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Its 16 bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

fn unix_ms(at: SystemTime) -> u64 {
    u64::try_from(unix_time::millis(at)).unwrap_or_default()
}

impl fmt::Display for RecordId {
    /// `019b1a2c-…`, 36 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
        let id = |ms| RecordId::new(at(ms)).expect("random numbers");
        assert!(id(1_790_000_000_000) < id(1_790_000_000_001));
        assert_ne!(id(1_790_000_000_000), id(1_790_000_000_000));
        let text = id(1_790_000_000_000).to_string();
        assert_eq!(text.as_bytes()[14], b'7', "{text}: the version");
        assert!(
            b"89ab".contains(&text.as_bytes()[19]),
            "{text}: the variant"
        );
    }

    #[test]
    fn what_has_a_name_has_one_id() {
        let at = UNIX_EPOCH + Duration::from_millis(1_790_000_000_000);
        let id = RecordId::of(at, b"resp_1");
        assert_eq!(id, RecordId::of(at, b"resp_1"));
        assert_ne!(id, RecordId::of(at, b"resp_2"));
        assert_ne!(id, RecordId::of(at + Duration::from_millis(1), b"resp_1"));
        assert!(id.as_bytes() > &RecordId::first_at(at));
        assert_eq!(id.to_string().as_bytes()[14], b'7', "{id}: the version");
    }

    #[test]
    fn a_moment_is_a_border_between_ids() {
        let moment = UNIX_EPOCH + Duration::from_millis(1_790_000_000_123);
        let border = RecordId::first_at(moment);
        let before = RecordId::new(moment - Duration::from_millis(1)).expect("random numbers");
        let after = RecordId::new(moment).expect("random numbers");
        assert!(before.as_bytes() < &border && &border < after.as_bytes());
    }
}
