//! The ids of stored things that one answer shows: of items, of containers, of a batch's files.

use crate::access::ObjectKind;

/// Most ids that are taken from one answer. A stream shows each item three times: when it begins, when
/// it is done, and in the whole response at the end.
const MAX_IDS: usize = 3000;

/// Ids in the order in which they come, until they are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShownIds {
    waiting: Vec<(ObjectKind, String)>,
    /// How many came in all.
    count: usize,
}

impl ShownIds {
    /// Adds an id; beyond the bound it is not kept.
    pub(super) fn add(&mut self, kind: ObjectKind, id: String) {
        if self.count < MAX_IDS {
            self.count += 1;
            self.waiting.push((kind, id));
        }
    }

    /// Adds what a later event shows.
    pub(super) fn merge(&mut self, later: Self) {
        for (kind, id) in later.waiting {
            self.add(kind, id);
        }
    }

    /// Takes the ids that have come since the last time.
    pub(super) fn take(&mut self) -> Vec<(ObjectKind, String)> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_once_and_not_without_bound() {
        let mut shown = ShownIds::default();
        shown.add(ObjectKind::Item, "msg_1".to_owned());
        assert_eq!(shown.take(), [(ObjectKind::Item, "msg_1".to_owned())]);
        assert_eq!(shown.take(), []);
        for number in 0..2 * MAX_IDS {
            let mut later = ShownIds::default();
            later.add(ObjectKind::Item, format!("msg_{number}"));
            shown.merge(later);
        }
        assert_eq!(shown.take().len(), MAX_IDS - 1, "however they come");
    }
}
