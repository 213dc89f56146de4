//! Work that the service does after the request that asked for it has ended: who is charged for it, and
//! that it is charged once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::places::Place;
use crate::access::client::ProductId;
use crate::access::request::{Deployment, Operation};
use crate::unix_time;

/// The request that asked for something which is charged later: what its usage record will say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AskedBy {
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// Envoy's id of it.
    pub request_id: Arc<str>,
    /// The kind of its credential.
    pub credential: Arc<str>,
    /// The public part of its key.
    pub key_id: Option<Arc<str>>,
    /// The first digits of its key's SHA-256.
    pub key_sha256: Option<Arc<str>>,
    /// The end user.
    pub user: Option<Arc<str>>,
    /// The client's labels, a JSON object.
    pub labels: Option<Arc<str>>,
    /// The service tier that it asks for.
    pub service_tier: Option<Arc<str>>,
    /// Bytes of its body, or of a batch's lines.
    pub request_bytes: u64,
    /// How many tokens it lets the model write, where it says so; for each line of a batch.
    pub max_output_tokens: Option<u64>,
    /// What the lines of a batch ask for.
    pub operation: Option<Arc<str>>,
    /// How many lines it has.
    pub lines: u64,
}

impl AskedBy {
    /// When it came.
    pub fn at(&self) -> SystemTime {
        let millis = i64::try_from(self.at_ms).ok();
        let moment = millis.and_then(unix_time::of_millis);
        moment.unwrap_or(SystemTime::UNIX_EPOCH)
    }
    /// What the lines of a batch ask for.
    pub fn lines_operation(&self) -> Option<Operation> {
        let name = self.operation.as_deref()?;
        Operation::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// Something whose usage has not been charged.
#[derive(Debug)]
pub struct Unsettled {
    /// The deployment that does it.
    pub deployment: Option<Deployment>,
    /// The product that allowed it.
    pub product: Option<ProductId>,
    /// The request that asked for it.
    pub asked_by: AskedBy,
    is_counted: AtomicBool,
    /// It was handed to whoever asks for it later.
    is_followed: AtomicBool,
    /// Its place among those of its client that are not settled.
    place: Mutex<Option<Place>>,
}

impl Unsettled {
    /// Something that is not charged yet.
    pub fn new(
        deployment: Option<Deployment>,
        product: Option<ProductId>,
        asked_by: AskedBy,
    ) -> Self {
        Self {
            deployment,
            product,
            asked_by,
            is_counted: AtomicBool::new(false),
            is_followed: AtomicBool::new(false),
            place: Mutex::default(),
        }
    }

    /// Takes up a place of its client's until it is charged.
    pub fn occupy(&self, place: Place) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    /// Whether its usage has been charged.
    pub fn is_counted(&self) -> bool {
        self.is_counted.load(Ordering::Acquire)
    }

    /// Claims the charge; true for one caller only.
    pub fn count(&self) -> bool {
        let is_first = !self.is_counted.swap(true, Ordering::AcqRel);
        if is_first {
            let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
            *place = None;
        }
        is_first
    }

    /// True once: it is to be handed to whoever asks for it later.
    pub(super) fn follow(&self) -> bool {
        !self.is_counted() && !self.is_followed.swap(true, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::Places;
    use super::*;
    use crate::access::ClientId;

    #[test]
    fn it_is_charged_once_and_gives_its_place_back() {
        let places = Arc::new(Places::default());
        let client = ClientId::new("app");
        let response = Unsettled::new(None, None, AskedBy::default());
        response.occupy(places.take(&client, 1).expect("a place"));
        assert!(places.take(&client, 1).is_err(), "it is taken");
        assert!(!response.is_counted());
        assert!(response.count(), "the first retrieval that shows its usage");
        assert!(!response.count(), "no later one");
        assert!(response.is_counted());
        assert!(places.take(&client, 1).is_ok(), "it is free again");
    }

    #[test]
    fn it_is_followed_once_and_not_once_it_is_charged() {
        let response = Unsettled::new(None, None, AskedBy::default());
        assert!(response.follow());
        assert!(!response.follow());
        let charged = Unsettled::new(None, None, AskedBy::default());
        assert!(charged.count());
        assert!(!charged.follow());
    }
}
