//! Connections that have not shown a certificate yet: strangers can open them.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most of them from one address: an Envoy has one for each of its workers.
const MAX_PER_ADDRESS: usize = 128;
/// Most of them.
const MAX_ALL: usize = 4096;

/// How many there are, by their addresses.
#[derive(Debug, Default)]
pub(super) struct PendingHandshakes(Mutex<HashMap<IpAddr, usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct PendingHandshake<'a> {
    all: &'a PendingHandshakes,
    address: IpAddr,
}

impl PendingHandshakes {
    /// Counts one more.
    ///
    /// # Errors
    /// Where there are too many, of this address or of all: it is closed, and Envoy tries again.
    pub(super) fn take(&self, address: IpAddr) -> io::Result<PendingHandshake<'_>> {
        let mut counts = self.lock();
        let all: usize = counts.values().sum();
        let own = counts.get(&address).copied().unwrap_or(0);
        if all >= MAX_ALL || own >= MAX_PER_ADDRESS {
            let message =
                format!("too many connections begin at once, {own} of them from {address}");
            return Err(io::Error::other(message));
        }
        counts.insert(address, own + 1);
        drop(counts);
        Ok(PendingHandshake { all: self, address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PendingHandshake<'_> {
    fn drop(&mut self) {
        let mut counts = self.all.lock();
        match counts.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_share_and_gives_it_back() {
        let all = PendingHandshakes::default();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut held: Vec<_> = (0..MAX_PER_ADDRESS)
            .map(|_| all.take(one).expect("room"))
            .collect();
        let error = all.take(one).expect_err("its share is full");
        assert!(error.to_string().contains("192.0.2.1"), "{error}");
        assert!(all.take(other).is_ok(), "another one's");
        held.pop();
        held.push(all.take(one).expect("one has ended"));
        drop(held);
        assert!(all.lock().is_empty(), "nobody is remembered");
    }

    #[test]
    fn all_of_them_have_an_end() {
        let all = PendingHandshakes::default();
        let address =
            |number: usize| IpAddr::from(u32::try_from(number).expect("small").to_be_bytes());
        let held: Vec<_> = (0..MAX_ALL)
            .map(|number| all.take(address(number)).expect("room"))
            .collect();
        assert!(all.take(address(MAX_ALL)).is_err());
        drop(held);
    }
}
