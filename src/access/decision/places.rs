//! How much of what is charged later a client may have open at once: whoever begins thousands of
//! responses and never looks at them would fill the gateway's memory and keep it asking for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::access::client::ClientId;

/// Most that all clients together may have open; about 500 bytes each.
const MAX_OPEN: usize = 100_000;

/// The places of all clients.
#[derive(Debug, Default)]
pub struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_client: HashMap<ClientId, usize>,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    client: ClientId,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// The client has as many open as it may.
    OfClient,
    /// All clients together have.
    OfAll,
}

impl Places {
    /// Takes a place, where the client has fewer than so many.
    ///
    /// # Errors
    /// [`NoPlace`]
    pub fn take(self: &Arc<Self>, client: &ClientId, most: usize) -> Result<Place, NoPlace> {
        let mut taken = self.lock();
        let own = taken.by_client.get(client).copied().unwrap_or(0);
        if own >= most {
            return Err(NoPlace::OfClient);
        }
        if taken.all >= MAX_OPEN {
            return Err(NoPlace::OfAll);
        }
        taken.add(client);
        Ok(self.place(client))
    }

    /// Takes a place for what was open before, whatever the limit is now.
    pub fn take_again(self: &Arc<Self>, client: &ClientId) -> Place {
        self.lock().add(client);
        self.place(client)
    }

    /// How many are taken.
    pub fn open(&self) -> usize {
        self.lock().all
    }

    fn place(self: &Arc<Self>, client: &ClientId) -> Place {
        Place {
            places: Arc::clone(self),
            client: client.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn add(&mut self, client: &ClientId) {
        self.all = self.all.saturating_add(1);
        let own = self.by_client.entry(client.clone()).or_default();
        *own = own.saturating_add(1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.by_client.get_mut(&self.client) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_own_places_and_no_more() {
        let places = Arc::new(Places::default());
        let (a, b) = (ClientId::new("a"), ClientId::new("b"));
        let first = places.take(&a, 2).expect("a place");
        let _second = places.take(&a, 2).expect("the last place");
        let refused = places.take(&a, 2).map(drop);
        assert_eq!(refused, Err(NoPlace::OfClient), "a has two");
        assert!(places.take(&b, 2).is_ok(), "b loses nothing by that");
        drop(first);
        let again = places.take(&a, 2);
        assert!(again.is_ok(), "one is free again");
        let _third = places.take_again(&a);
        assert_eq!(places.open(), 3, "what was open before counts, too");
    }

    #[test]
    fn all_clients_together_have_a_limit() {
        let places = Arc::new(Places::default());
        let taken: Vec<_> = (0..MAX_OPEN / 100)
            .flat_map(|number| {
                let client = ClientId::new(format!("client-{number}"));
                std::iter::repeat_with(|| places.take(&client, 100).expect("a place"))
                    .take(100)
                    .collect::<Vec<_>>()
            })
            .collect();
        let another = ClientId::new("another");
        let refused = places.take(&another, 100).map(drop);
        assert_eq!(refused, Err(NoPlace::OfAll));
        drop(taken);
        assert_eq!(places.open(), 0);
        assert!(places.take(&another, 100).is_ok());
        assert!(places.0.lock().expect("a lock").by_client.is_empty());
    }
}
