//! The Responses API: answers that are kept and can be gone on from, as one object or as a stream of
//! named events.

pub mod shape;
pub mod store;
pub mod stream;

use super::turn::Turn;
use shape::{Response, Status};
use store::ResponseStore;

/// The response as one JSON object. In the background it is only queued; the rest is there to be
/// fetched.
pub fn json(turn: &Turn, store: &ResponseStore) -> String {
    let response = Response::ended(turn);
    store.keep(&response, turn);
    let told = if response.background {
        response.begun(Status::Queued)
    } else {
        response
    };
    told.json()
}
