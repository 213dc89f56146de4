//! Which client a stored object belongs to: a response, its items, a container, a file, a batch.
//!
//! All clients share one identity at the backend, so the backend would give anything stored to any
//! of them. The gateway remembers who made each id and treats every other one as unknown. The memory
//! is bounded, with a fair share for each client: what has been forgotten is not found.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fair_memory::{FairMemory, Remembered};
use super::{Known, ObjectChange};
use crate::access::client::ClientId;
use crate::access::request::ObjectKind;

/// How many ids of a kind are remembered, of all clients together. About 200 bytes each.
const ROOM: usize = 100_000;
/// How many output items: a response has several.
const ROOM_FOR_ITEMS: usize = 4 * ROOM;

/// The owners of stored objects, by kind and id.
#[derive(Debug)]
pub struct ObjectOwners {
    responses: Mutex<FairMemory<Known>>,
    files: Mutex<FairMemory<Known>>,
    batches: Mutex<FairMemory<Known>>,
    items: Mutex<FairMemory<Known>>,
    containers: Mutex<FairMemory<Known>>,
}

impl Default for ObjectOwners {
    fn default() -> Self {
        let memory = |kind| Mutex::new(FairMemory::new(Self::room(kind)));
        Self {
            responses: memory(ObjectKind::Response),
            files: memory(ObjectKind::File),
            batches: memory(ObjectKind::Batch),
            items: memory(ObjectKind::Item),
            containers: memory(ObjectKind::Container),
        }
    }
}

impl ObjectOwners {
    /// How many objects of a kind are remembered.
    pub const fn room(kind: ObjectKind) -> usize {
        match kind {
            ObjectKind::Item => ROOM_FOR_ITEMS,
            ObjectKind::Response | ObjectKind::File | ObjectKind::Batch | ObjectKind::Container => {
                ROOM
            }
        }
    }

    /// Remembers that the client made the object, and what is known of it. An object of another
    /// client stays that client's.
    pub fn remember(
        &self,
        kind: ObjectKind,
        id: &str,
        owner: &ClientId,
        known: Known,
    ) -> Remembered {
        self.of(kind).remember(id, owner, known)
    }

    /// Takes over what a database says of an object. What is already known takes precedence, except
    /// that a response has been counted, or that something is deleted.
    pub fn learn(&self, change: ObjectChange) {
        let ObjectChange {
            kind,
            id,
            owner,
            known,
        } = change;
        let mut memory = self.of(kind);
        let Some(known) = known else {
            memory.forget(&id, &owner);
            return;
        };
        match (memory.get(&id, &owner), &known) {
            (None, _) => {}
            (Some(Known::Background(response)), Known::Nothing) => {
                response.count();
            }
            (Some(_), _) => return,
        }
        memory.remember(&id, &owner, known);
    }

    /// Forgets an object of the client's, because it is deleted; says whether there was one.
    pub fn forget(&self, kind: ObjectKind, client: &ClientId, id: &str) -> bool {
        self.of(kind).forget(id, client)
    }

    /// Whether the client made the object.
    pub fn owns(&self, kind: ObjectKind, client: &ClientId, id: &str) -> bool {
        self.of(kind).get(id, client).is_some()
    }

    /// What is known of an object of the client's; `None` for any other.
    pub fn known(&self, kind: ObjectKind, client: &ClientId, id: &str) -> Option<Known> {
        self.of(kind).get(id, client).cloned()
    }

    fn of(&self, kind: ObjectKind) -> MutexGuard<'_, FairMemory<Known>> {
        let memory = match kind {
            ObjectKind::Response => &self.responses,
            ObjectKind::File => &self.files,
            ObjectKind::Batch => &self.batches,
            ObjectKind::Item => &self.items,
            ObjectKind::Container => &self.containers,
        };
        memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::BackgroundResponse;

    #[test]
    fn an_object_belongs_to_its_creator_only() {
        let owners = ObjectOwners::default();
        let (mine, other) = (ClientId::new("mine"), ClientId::new("other"));
        for kind in ObjectKind::ALL {
            owners.remember(kind, "id_1", &mine, Known::Nothing);
            assert!(owners.owns(kind, &mine, "id_1"), "its creator finds it");
            assert!(!owners.owns(kind, &other, "id_1"), "nobody else does");
            assert!(
                !owners.owns(kind, &mine, "id_2"),
                "an unknown id is nobody's"
            );
        }
    }

    #[test]
    fn an_id_of_one_kind_is_none_of_another() {
        let owners = ObjectOwners::default();
        let mine = ClientId::new("mine");
        owners.remember(ObjectKind::File, "id_1", &mine, Known::Nothing);
        assert!(!owners.owns(ObjectKind::Batch, &mine, "id_1"));
    }

    #[test]
    fn what_is_deleted_is_nobodys() {
        let owners = ObjectOwners::default();
        let mine = ClientId::new("mine");
        let change = |known| ObjectChange {
            kind: ObjectKind::File,
            id: "file-1".to_owned(),
            owner: mine.clone(),
            known,
        };
        owners.learn(change(Some(Known::Nothing)));
        assert!(owners.owns(ObjectKind::File, &mine, "file-1"));
        owners.learn(change(None));
        assert!(!owners.owns(ObjectKind::File, &mine, "file-1"));
    }

    #[test]
    fn what_a_database_says_late_uncounts_no_response() {
        let owners = ObjectOwners::default();
        let mine = ClientId::new("mine");
        let background = || {
            let response = Arc::new(BackgroundResponse::new(None, None));
            (Arc::clone(&response), Known::Background(response))
        };
        let says = |known| ObjectChange {
            kind: ObjectKind::Response,
            id: "resp_1".to_owned(),
            owner: mine.clone(),
            known: Some(known),
        };
        let (response, known) = background();
        owners.learn(says(known));
        owners.learn(says(background().1));
        owners.learn(says(Known::Nothing));
        assert!(response.is_counted(), "by another replica");
        owners.learn(says(background().1));
        let known = owners.known(ObjectKind::Response, &mine, "resp_1");
        assert!(matches!(known, Some(Known::Nothing)), "{known:?}");
    }
}
