//! Which client a stored object belongs to: a response, a file, a batch.
//!
//! All clients share one identity at the backend, so the backend would give anything stored to any
//! of them. The gateway remembers who made each id and treats every other one as unknown. The
//! memory is bounded and is this process's own: what it no longer remembers is not found.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quick_cache::sync::Cache;

use super::{ClientId, Deployment, ObjectKind, Operation, ProductId};

/// How many ids of a kind are remembered; the least used go first. About 200 bytes each.
const MAX_REMEMBERED: usize = 100_000;

/// What a batch may run: what every line of its input asks for, checked when the file came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInput {
    /// The operation of each line.
    pub operation: Operation,
    /// The deployment of each line.
    pub deployment: Deployment,
    /// The product that allows it.
    pub product: ProductId,
}

/// A response that is made in the background: its usage comes with a later retrieval.
#[derive(Debug)]
pub struct BackgroundResponse {
    /// The deployment that makes it.
    pub deployment: Option<Deployment>,
    /// The product that allowed it.
    pub product: Option<ProductId>,
    is_counted: AtomicBool,
}

impl BackgroundResponse {
    /// One that is not counted yet.
    pub fn new(deployment: Option<Deployment>, product: Option<ProductId>) -> Self {
        Self {
            deployment,
            product,
            is_counted: AtomicBool::new(false),
        }
    }

    /// Whether its usage has been counted.
    pub fn is_counted(&self) -> bool {
        self.is_counted.load(Ordering::Acquire)
    }

    /// Claims the count; true for one caller only.
    pub fn count(&self) -> bool {
        !self.is_counted.swap(true, Ordering::AcqRel)
    }
}

/// What else is known of a stored object.
#[derive(Clone, Debug, Default)]
pub enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// A file: what a batch of it runs.
    Input(Arc<BatchInput>),
    /// A response: it is made in the background.
    Background(Arc<BackgroundResponse>),
}

#[derive(Clone, Debug)]
struct Owned {
    owner: ClientId,
    known: Known,
}

/// The owners of stored objects, by kind and id.
#[derive(Debug)]
pub struct ObjectOwners {
    responses: Cache<String, Owned>,
    files: Cache<String, Owned>,
    batches: Cache<String, Owned>,
    items: Cache<String, Owned>,
    containers: Cache<String, Owned>,
}

impl Default for ObjectOwners {
    fn default() -> Self {
        Self {
            responses: Cache::new(MAX_REMEMBERED),
            files: Cache::new(MAX_REMEMBERED),
            batches: Cache::new(MAX_REMEMBERED),
            items: Cache::new(MAX_REMEMBERED),
            containers: Cache::new(MAX_REMEMBERED),
        }
    }
}

impl ObjectOwners {
    /// Remembers that the client made the object, and what is known of it.
    pub fn remember(&self, kind: ObjectKind, id: String, owner: ClientId, known: Known) {
        self.of(kind).insert(id, Owned { owner, known });
    }

    /// Whether the client made the object.
    pub fn owns(&self, kind: ObjectKind, client: &ClientId, id: &str) -> bool {
        self.known(kind, client, id).is_some()
    }

    /// What is known of an object of the client's; `None` for any other.
    pub fn known(&self, kind: ObjectKind, client: &ClientId, id: &str) -> Option<Known> {
        let owned = self.of(kind).get(id)?;
        (owned.owner == *client).then_some(owned.known)
    }

    const fn of(&self, kind: ObjectKind) -> &Cache<String, Owned> {
        match kind {
            ObjectKind::Response => &self.responses,
            ObjectKind::File => &self.files,
            ObjectKind::Batch => &self.batches,
            ObjectKind::Item => &self.items,
            ObjectKind::Container => &self.containers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_belongs_to_its_creator_only() {
        let owners = ObjectOwners::default();
        let (mine, other) = (ClientId::new("mine"), ClientId::new("other"));
        for kind in [
            ObjectKind::Response,
            ObjectKind::File,
            ObjectKind::Batch,
            ObjectKind::Item,
            ObjectKind::Container,
        ] {
            owners.remember(kind, "id_1".to_owned(), mine.clone(), Known::Nothing);
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
        let id = "id_1".to_owned();
        owners.remember(ObjectKind::File, id, mine.clone(), Known::Nothing);
        assert!(!owners.owns(ObjectKind::Batch, &mine, "id_1"));
    }

    #[test]
    fn a_background_response_is_counted_once() {
        let response = BackgroundResponse::new(None, None);
        assert!(!response.is_counted());
        assert!(response.count(), "the first retrieval that shows its usage");
        assert!(!response.count(), "no later one");
        assert!(response.is_counted());
    }
}
