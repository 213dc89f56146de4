//! A bounded memory of ids that clients share, and in which each has a fair share.
//!
//! While there is room anybody gets it. Once it is full, the client with the most ids gives up one of
//! its own: the oldest that was not asked for lately. So whoever has no more than its share, the room
//! divided by the clients that have something in it, loses nothing, however much the others make.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::access::client::ClientId;

/// Deleted ids may wait in a client's order until they are as many as those that are there, and
/// so many more: sorting them out is then cheap.
const SLACK: usize = 32;

/// What becomes of an id that is to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It was unknown.
    New,
    /// It was this client's already; what is known of it is replaced.
    Again,
    /// It is another client's, and stays so.
    Foreign,
}

/// The memory: for each id its client, and a value.
#[derive(Debug)]
pub(super) struct FairMemory<V> {
    room: usize,
    entries: HashMap<Arc<str>, Entry<V>>,
    shares: HashMap<ClientId, Share>,
    /// The clients by the number of their ids.
    by_size: BTreeSet<(usize, ClientId)>,
}

#[derive(Debug)]
struct Entry<V> {
    owner: ClientId,
    value: V,
    /// Asked for since it was last looked at for being given up.
    is_used: bool,
}

#[derive(Debug, Default)]
struct Share {
    count: usize,
    /// Oldest first; some of them may be deleted.
    order: VecDeque<Arc<str>>,
}

impl<V> FairMemory<V> {
    /// For so many ids.
    pub(super) fn new(room: usize) -> Self {
        Self {
            room,
            entries: HashMap::new(),
            shares: HashMap::new(),
            by_size: BTreeSet::new(),
        }
    }

    /// Remembers an id for a client. An id has one owner: the first, for as long as it is remembered.
    pub(super) fn remember(&mut self, id: &str, owner: &ClientId, value: V) -> Remembered {
        match self.entries.get_mut(id) {
            Some(entry) if entry.owner != *owner => return Remembered::Foreign,
            Some(entry) => {
                entry.value = value;
                entry.is_used = true;
                return Remembered::Again;
            }
            None => {}
        }
        if self.entries.len() >= self.room {
            self.give_up_one(owner);
        }
        let id: Arc<str> = id.into();
        let share = self.shares.entry(owner.clone()).or_default();
        share.order.push_back(Arc::clone(&id));
        self.resize(owner, |count| count.saturating_add(1));
        let entry = Entry {
            owner: owner.clone(),
            value,
            is_used: false,
        };
        self.entries.insert(id, entry);
        Remembered::New
    }

    /// What is known of an id of the client's; `None` for any other.
    pub(super) fn get(&mut self, id: &str, client: &ClientId) -> Option<&V> {
        let entry = self.entries.get_mut(id)?;
        if entry.owner != *client {
            return None;
        }
        entry.is_used = true;
        Some(&entry.value)
    }

    /// Forgets an id of the client's; says whether there was one.
    pub(super) fn forget(&mut self, id: &str, client: &ClientId) -> bool {
        let is_theirs = |entry: &Entry<V>| entry.owner == *client;
        if !self.entries.get(id).is_some_and(is_theirs) {
            return false;
        }
        self.entries.remove(id);
        self.resize(client, |count| count.saturating_sub(1));
        if let Some(share) = self.shares.get_mut(client)
            && share.order.len() > share.count.saturating_mul(2).saturating_add(SLACK)
        {
            let is_there = |id: &Arc<str>| self.entries.get(id).is_some_and(is_theirs);
            share.order.retain(is_there);
        }
        true
    }

    /// Makes room for one id of a client, at the cost of the client that has the most.
    fn give_up_one(&mut self, newcomer: &ClientId) {
        let own = self.shares.get(newcomer).map_or(0, |share| share.count);
        let victim = match self.by_size.last() {
            Some((most, client)) if *most > own => client.clone(),
            _ => newcomer.clone(),
        };
        let Some(share) = self.shares.get_mut(&victim) else {
            return;
        };
        while let Some(id) = share.order.pop_front() {
            match self.entries.get_mut(&id) {
                Some(entry) if entry.owner != victim => {}
                Some(entry) if entry.is_used => {
                    entry.is_used = false;
                    share.order.push_back(id);
                }
                Some(_) => {
                    self.entries.remove(&id);
                    self.resize(&victim, |count| count.saturating_sub(1));
                    return;
                }
                None => {}
            }
        }
    }

    /// Notes how many ids a client has now; one that has none is forgotten with its order.
    fn resize(&mut self, client: &ClientId, change: impl Fn(usize) -> usize) {
        let Some(share) = self.shares.get_mut(client) else {
            return;
        };
        let before = share.count;
        let after = change(before);
        share.count = after;
        self.by_size.remove(&(before, client.clone()));
        if after > 0 {
            self.by_size.insert((after, client.clone()));
        } else {
            self.shares.remove(client);
        }
    }
}

#[cfg(test)]
mod tests;
