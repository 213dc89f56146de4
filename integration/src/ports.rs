//! Ports for servers that must be told theirs.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::stack::Failure;

/// Where servers listen.
const FIXED_PORTS: Range<u16> = 20_000..30_000;

/// A port below those that connections are given, so that none of them takes it before the server does.
///
/// # Errors
/// Where all are taken.
pub fn free_port() -> Result<u16, Failure> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() % 1_000 * 10;
    for _ in 0..FIXED_PORTS.len() {
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let length = u32::try_from(FIXED_PORTS.len()).unwrap_or(1);
        let offset = u16::try_from((first + next) % length).unwrap_or(0);
        let port = FIXED_PORTS.start + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Failure::new("no port", "all are taken"))
}
