//! Names that a metric tells apart, first come, first served: a bounded number of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

/// The names that have a place.
pub(super) struct Places {
    most: usize,
    taken: AtomicUsize,
    names: DashMap<Arc<str>, ()>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            taken: AtomicUsize::new(0),
            names: DashMap::new(),
        }
    }

    /// Whether there are no places at all.
    pub(super) fn is_none(&self) -> bool {
        self.most == 0
    }

    /// Whether it has a place. It gets none by that.
    pub(super) fn has(&self, name: &Arc<str>) -> bool {
        self.names.contains_key(name)
    }

    /// Gives it a place, if it has none yet; `false` where none is left.
    pub(super) fn give(&self, name: &Arc<str>) -> bool {
        if self.has(name) {
            return true;
        }
        // Most who come later find all taken: no lock for writing.
        if self.taken.load(Ordering::Relaxed) >= self.most {
            return false;
        }
        match self.names.entry(Arc::clone(name)) {
            Entry::Occupied(_) => true,
            Entry::Vacant(place) => {
                let has_room = self.take();
                if has_room {
                    place.insert(());
                }
                has_room
            }
        }
    }

    /// The map's own length would have to lock all of it.
    fn take(&self) -> bool {
        let next = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_come_at_once_get_as_many_places_as_there_are() {
        let places = Places::new(10);
        let given: usize = std::thread::scope(|scope| {
            let come = |thread: usize| {
                let places = &places;
                move || {
                    let names = (0..200).map(|it| Arc::from(format!("{thread}-{it}")));
                    names.filter(|it| places.give(it)).count()
                }
            };
            let threads: Vec<_> = (0..8).map(|it| scope.spawn(come(it))).collect();
            threads.into_iter().map(|it| it.join().expect("it")).sum()
        });
        assert_eq!((given, places.names.len()), (10, 10));
    }

    #[test]
    fn whoever_asks_takes_no_place() {
        let places = Places::new(1);
        let (asked, served) = (Arc::from("asked"), Arc::from("served"));
        assert!(!places.has(&asked));
        assert!(places.give(&served));
        assert!(places.has(&served) && !places.give(&asked));
    }
}
