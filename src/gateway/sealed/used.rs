//! Decisions that were taken here, so that none is taken twice.

use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::gateway::pending::DecisionId;

/// Those that could be opened again, with the moment since 1970 from which they can't.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Used(DashMap<DecisionId, Duration>);

impl Used {
    /// Takes one; whether nobody had.
    pub(in crate::gateway) fn take(&self, id: DecisionId, until: Duration) -> bool {
        match self.0.entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(until);
                true
            }
        }
    }

    /// Forgets those that can't be opened any more.
    pub(in crate::gateway) fn sweep(&self, now: Duration) {
        self.0.retain(|_, until| *until >= now);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
