//! Ids and random bytes. Ids are unique in and between processes, and cheap: a random start and a counter.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// An odd constant (2^64 / the golden ratio) that spreads a counter over all 64 bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

static SEED: LazyLock<u64> = LazyLock::new(|| u64::from_le_bytes(random_bytes()));
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Bytes of the system's random generator.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rustls::crypto::aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut bytes)
        .expect("the system has a random generator");
    bytes
}

/// An id in the form of a UUID, as in `apim-request-id`.
pub fn uuid() -> String {
    let (high, low) = next();
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// An id such as `chatcmpl-…` or `resp_…`: `prefix` and 24 hexadecimal digits.
pub fn with_prefix(prefix: &str) -> String {
    let (high, low) = next();
    format!("{prefix}{high:016x}{:08x}", low & 0xffff_ffff)
}

/// Seconds since 1970, as in `created`, `exp` and `expires_on`.
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn next() -> (u64, u64) {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let low = SEED.wrapping_add(count);
    (low.wrapping_mul(SPREAD).rotate_left(29), low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_do_not_repeat() {
        let ids: HashSet<String> = (0..10_000).map(|_| uuid()).collect();
        assert_eq!(ids.len(), 10_000, "two requests got the same id");
    }

    #[test]
    fn a_uuid_has_the_usual_form() {
        let groups: Vec<usize> = uuid().split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "not the form of a UUID");
    }
}
