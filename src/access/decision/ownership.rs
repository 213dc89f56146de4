//! Which client a stored object belongs to: a response, its items, a container, a file, a batch.
//!
//! All clients share one identity at the backend, so the backend would give anything stored to any
//! of them. The gateway remembers who made each id and treats every other one as unknown. The memory
//! is bounded, with a fair share for each client: what has been forgotten is not found.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::fair_memory::{FairMemory, Remembered};
use super::places::Places;
use super::{Known, ObjectChange, Stored, Unsettled};
use crate::access::client::ClientId;
use crate::access::request::ObjectKind;

/// How many ids of a kind are remembered, of all clients together. About 200 bytes each.
const ROOM: usize = 100_000;
/// How many output items: a response has several.
const ROOM_FOR_ITEMS: usize = 4 * ROOM;

/// The owners of stored objects, by kind and id.
#[derive(Debug)]
pub struct ObjectOwners {
    responses: Mutex<FairMemory<Stored>>,
    files: Mutex<FairMemory<Stored>>,
    batches: Mutex<FairMemory<Stored>>,
    items: Mutex<FairMemory<Stored>>,
    containers: Mutex<FairMemory<Stored>>,
    /// The places of what is charged later.
    places: Arc<Places>,
    /// To whoever asks for what is charged later.
    later: mpsc::UnboundedSender<Later>,
    /// The other end, until somebody takes it.
    follower: Mutex<Option<mpsc::UnboundedReceiver<Later>>>,
}

/// Something for whoever asks for what is charged later.
#[derive(Debug)]
pub enum Later {
    /// It has begun.
    Begun(Begun),
    /// It is over, or likely to be: ask soon.
    Hurry(ObjectKind, String),
}

impl Later {
    /// What it is about.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Begun(begun) => begun.kind,
            Self::Hurry(kind, _) => *kind,
        }
    }
}

/// Something that was begun and is charged later.
#[derive(Debug)]
pub struct Begun {
    /// What it is.
    pub kind: ObjectKind,
    /// Its id.
    pub id: String,
    /// The client that is charged.
    pub owner: ClientId,
    /// What is known of it.
    pub work: Arc<Unsettled>,
    /// The backend that has it, if that was kept.
    pub backend: Option<Arc<str>>,
    /// Another replica has begun it, and asks for it while it lives.
    pub is_others: bool,
}

impl Default for ObjectOwners {
    fn default() -> Self {
        let memory = |kind| Mutex::new(FairMemory::new(Self::room(kind)));
        let (later, follower) = mpsc::unbounded_channel();
        Self {
            responses: memory(ObjectKind::Response),
            files: memory(ObjectKind::File),
            batches: memory(ObjectKind::Batch),
            items: memory(ObjectKind::Item),
            containers: memory(ObjectKind::Container),
            places: Arc::default(),
            later,
            follower: Mutex::new(Some(follower)),
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
        stored: Stored,
    ) -> Remembered {
        let remembered = self.of(kind).remember(id, owner, stored.clone());
        if remembered != Remembered::Foreign {
            self.follow(kind, id, owner, &stored, false);
        }
        remembered
    }

    /// Takes over what the ledger of this process says of an object.
    pub fn learn(&self, change: ObjectChange) {
        self.learn_from(change, false);
    }

    /// Takes over what another replica knows of an object.
    pub fn learn_from_others(&self, change: ObjectChange) {
        self.learn_from(change, true);
    }

    /// What is already known takes precedence, except that something has been charged or is deleted.
    fn learn_from(&self, change: ObjectChange, is_others: bool) {
        let ObjectChange {
            kind,
            id,
            owner,
            known,
            backend,
        } = change;
        let mut memory = self.of(kind);
        let Some(known) = known else {
            if let Some(work) = memory.get(&id, &owner).and_then(|it| it.known.unsettled()) {
                // It was charged before it could be deleted.
                work.count();
            }
            memory.forget(&id, &owner);
            return;
        };
        if let Some(before) = memory.get(&id, &owner) {
            match (before.known.unsettled(), &known) {
                (Some(work), Known::Nothing) => {
                    work.count();
                }
                _ => return,
            }
        }
        let stored = Stored { known, backend };
        let remembered = memory.remember(&id, &owner, stored.clone());
        drop(memory);
        if let (Some(work), Remembered::New) = (stored.known.unsettled(), remembered)
            && !work.is_counted()
        {
            work.occupy(self.places.take_again(&owner));
            self.follow(kind, &id, &owner, &stored, is_others);
        }
    }

    /// The places of what is charged later.
    pub fn places(&self) -> &Arc<Places> {
        &self.places
    }

    /// What begins to be charged later, from the beginning; for one follower.
    pub fn follower(&self) -> Option<mpsc::UnboundedReceiver<Later>> {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        follower.take()
    }

    /// Asks for something soon that is charged later.
    pub fn hurry(&self, kind: ObjectKind, id: &str) {
        let _ = self.later.send(Later::Hurry(kind, id.to_owned()));
    }

    fn follow(
        &self,
        kind: ObjectKind,
        id: &str,
        owner: &ClientId,
        stored: &Stored,
        is_others: bool,
    ) {
        if let Some(work) = stored.known.unsettled()
            && work.follow()
        {
            // Where nobody follows, this process serves no requests.
            let _ = self.later.send(Later::Begun(Begun {
                kind,
                id: id.to_owned(),
                owner: owner.clone(),
                work: Arc::clone(work),
                backend: stored.backend.clone(),
                is_others,
            }));
        }
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
        self.stored(kind, client, id).map(|it| it.known)
    }

    /// The same with the backend that has it.
    pub fn stored(&self, kind: ObjectKind, client: &ClientId, id: &str) -> Option<Stored> {
        self.of(kind).get(id, client).cloned()
    }

    fn of(&self, kind: ObjectKind) -> MutexGuard<'_, FairMemory<Stored>> {
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
    use super::*;
    use crate::access::AskedBy;

    #[test]
    fn an_object_belongs_to_its_creator_only() {
        let owners = ObjectOwners::default();
        let (mine, other) = (ClientId::new("mine"), ClientId::new("other"));
        for kind in ObjectKind::ALL {
            owners.remember(kind, "id_1", &mine, Stored::default());
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
        owners.remember(ObjectKind::File, "id_1", &mine, Stored::default());
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
            backend: None,
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
            let response = Arc::new(Unsettled::new(None, None, AskedBy::default()));
            (Arc::clone(&response), Known::Background(response))
        };
        let says = |known| ObjectChange {
            kind: ObjectKind::Response,
            id: "resp_1".to_owned(),
            owner: mine.clone(),
            known: Some(known),
            backend: None,
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
