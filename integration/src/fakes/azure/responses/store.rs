//! Responses that were kept: to be fetched, cancelled, deleted, and gone on from.

use super::super::errors::ApiError;
use super::super::prompt::input_items;
use super::super::route::StoredAction;
use super::super::turn::Turn;
use super::shape::{Response, Status};
use crate::fakes::unique::with_prefix;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Older responses are forgotten.
const MAX_RESPONSES: usize = 10_000;

#[derive(Debug)]
struct Kept {
    response: Response,
    input: Vec<Value>,
    /// What going on from it costs: its prompt, and what it showed.
    context_tokens: u64,
    /// In the background, until somebody looks.
    queued: bool,
}

#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<String, Kept>,
    order: VecDeque<String>,
}

/// The kept responses of one fake.
#[derive(Debug, Default)]
pub struct ResponseStore(Mutex<Shelf>);

impl ResponseStore {
    /// Keeps a response, unless the request said `"store":false`.
    pub fn keep(&self, response: &Response, turn: &Turn) {
        if turn.body["store"] == false {
            return;
        }
        let kept = Kept {
            response: response.clone(),
            input: input_items(&turn.body),
            context_tokens: turn.tokens.prompt + turn.tokens.completion - turn.tokens.reasoning,
            queued: response.background,
        };
        let mut shelf = self.lock();
        shelf.order.push_back(response.id.clone());
        shelf.kept.insert(response.id.clone(), kept);
        if shelf.order.len() > MAX_RESPONSES
            && let Some(oldest) = shelf.order.pop_front()
        {
            shelf.kept.remove(&oldest);
        }
    }

    /// Whether every item that the request refers to is one of a kept response; whose does not matter.
    fn find_items(&self, body: &Value) -> Result<(), ApiError> {
        let shelf = self.lock();
        let is_kept = |id: &str| {
            let (_, of) = id.split_once('_')?;
            let kept = shelf.kept.get(&format!("resp_{of}"))?;
            kept.response.output.iter().find(|item| item.id() == id)
        };
        let items = input_items(body);
        let mut referred = items.iter().filter_map(|item| {
            let is_reference = item["type"] == "item_reference"
                || (item["type"].is_null() && item["content"].is_null());
            item["id"].as_str().filter(|_| is_reference)
        });
        match referred.find(|id| is_kept(id).is_none()) {
            None => Ok(()),
            Some(id) => Err(ApiError::Invalid {
                message: format!("Item with id '{id}' not found."),
                param: Some("input"),
                code: None,
            }),
        }
    }

    /// What the response before costs, if the request goes on from one.
    pub fn context_tokens(&self, body: &Value) -> Result<u64, ApiError> {
        self.find_items(body)?;
        let Some(id) = body["previous_response_id"].as_str() else {
            return Ok(0);
        };
        let shelf = self.lock();
        let before = shelf.kept.get(id).ok_or_else(|| ApiError::Invalid {
            message: format!("Previous response with id '{id}' not found."),
            param: Some("previous_response_id"),
            code: Some("previous_response_not_found"),
        })?;
        Ok(before.context_tokens)
    }

    /// Does something with a kept response.
    pub fn act(&self, id: &str, action: StoredAction) -> Result<String, ApiError> {
        let mut shelf = self.lock();
        let missing = || ApiError::ResponseNotFound(id.to_owned());
        if action == StoredAction::Delete {
            shelf.kept.remove(id).ok_or_else(missing)?;
            let deleted = json!({"id": id, "object": "response.deleted", "deleted": true});
            return Ok(deleted.to_string());
        }
        let kept = shelf.kept.get_mut(id).ok_or_else(missing)?;
        match action {
            StoredAction::InputItems => Ok(list(&kept.input)),
            StoredAction::Cancel if kept.queued => {
                kept.response = kept.response.begun(Status::Cancelled);
                kept.queued = false;
                Ok(kept.response.json())
            }
            StoredAction::Cancel => Err(ApiError::invalid("Cannot cancel a synchronous response.")),
            StoredAction::Get | StoredAction::Delete => {
                kept.queued = false;
                Ok(kept.response.json())
            }
        }
    }

    /// Forgets all.
    pub fn clear(&self) {
        *self.lock() = Shelf::default();
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list(input: &[Value]) -> String {
    let items: Vec<Value> = input.iter().rev().map(input_item).collect();
    let id_of = |item: Option<&Value>| item.map(|item| item["id"].clone());
    json!({
        "object": "list",
        "data": items,
        "first_id": id_of(items.first()),
        "last_id": id_of(items.last()),
        "has_more": false,
    })
    .to_string()
}

fn input_item(item: &Value) -> Value {
    let mut item = item.clone();
    if let Value::Object(members) = &mut item {
        members
            .entry("id")
            .or_insert_with(|| with_prefix("msg_").into());
        members.entry("type").or_insert_with(|| "message".into());
    }
    item
}
