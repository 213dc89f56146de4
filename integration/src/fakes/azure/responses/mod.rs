//! The Responses API: answers that are kept and can be gone on from, as one object or as a stream of
//! named events.

pub mod shape;
pub mod store;
pub mod stream;

use super::prompt::input_items;
use super::turn::Turn;
use super::usage::ResponseUsage;
use serde_json::json;
use shape::{Response, Status, item_id};
use store::ResponseStore;

/// What `responses/input_tokens` says.
pub fn counted(tokens: u64) -> String {
    json!({"object": "response.input_tokens", "input_tokens": tokens}).to_string()
}

/// What `responses/compact` makes of a conversation: the user's words, and the rest in a form that only
/// the service reads.
pub fn compacted(turn: &Turn) -> String {
    let input = input_items(&turn.body);
    let of_user = input.into_iter().filter(|item| item["role"] == "user");
    let rest = json!({
        "id": item_id("cmp_", &turn.id), "type": "compaction",
        "encrypted_content": format!("gAAAAA{}", turn.id),
    });
    json!({
        "id": turn.id, "object": "response.compaction", "created_at": turn.created,
        "output": of_user.chain([rest]).collect::<Vec<_>>(),
        "usage": ResponseUsage::from(turn.tokens),
    })
    .to_string()
}

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
