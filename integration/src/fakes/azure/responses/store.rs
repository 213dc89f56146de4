//! Responses that were kept: to be fetched, cancelled, deleted, and gone on from.

use super::super::errors::ApiError;
use super::super::plan::{Beat, Plan};
use super::super::prompt::input_items;
use super::super::reply::Said;
use super::super::route::StoredAction;
use super::super::tokenizer::Encoding;
use super::super::turn::Turn;
use super::super::wire::Event;
use super::shape::{Item, Response, Status, item_id};
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
    /// The response that it continues.
    before: Option<String>,
    /// What going on from it costs: its prompt, and what it showed.
    context_tokens: u64,
    /// In the background, until somebody looks.
    queued: bool,
    /// What its stream has said, to be said again.
    events: Vec<Event>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Nothing in the background ends.
    held: bool,
    kept: HashMap<String, Kept>,
    order: VecDeque<String>,
}

impl Shelf {
    /// An item of a response that is kept.
    fn item(&self, id: &str) -> Option<&Item> {
        let (_, of_response) = id.split_once('_')?;
        let kept = self.kept.get(&item_id("resp_", of_response))?;
        kept.response.output.iter().find(|item| item.id() == id)
    }

    /// The calls that a response and those before it have made.
    fn calls_before<'a>(&'a self, response: Option<&'a str>) -> Vec<&'a str> {
        let before = response.and_then(|id| self.kept.get(id));
        let chain = std::iter::successors(before, |kept| self.kept.get(kept.before.as_deref()?));
        let items = chain.flat_map(|kept| &kept.response.output);
        items.filter_map(Item::call_id).collect()
    }
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
            before: turn.body["previous_response_id"]
                .as_str()
                .map(str::to_owned),
            context_tokens: turn.tokens.prompt + turn.tokens.completion - turn.tokens.reasoning,
            queued: response.background,
            events: Vec::new(),
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

    /// What the response before costs, if the request continues one.
    pub fn context_tokens(&self, body: &Value) -> Result<u64, ApiError> {
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

    /// What the items cost that the input gives by their ids alone; refuses those that are not kept, and
    /// answers of tools without their calls.
    pub fn check_input(&self, body: &Value, encoding: Encoding) -> Result<u64, ApiError> {
        let shelf = self.lock();
        let before = body["previous_response_id"].as_str();
        let mut calls: Vec<&str> = shelf.calls_before(before);
        let mut tokens = 0;
        for item in body["input"].as_array().into_iter().flatten() {
            let id = item["id"].as_str();
            // Without a type and without content it is a reference, too.
            let kind = match item["content"].is_null() {
                true => item["type"].as_str().or(Some("item_reference")),
                false => item["type"].as_str(),
            };
            match kind {
                Some("function_call") => calls.extend(item["call_id"].as_str()),
                Some("function_call_output") => {
                    let call = item["call_id"].as_str().unwrap_or_default();
                    if !calls.contains(&call) {
                        return Err(ApiError::invalid(format!(
                            "No tool call found for function call output with call_id {call}."
                        )));
                    }
                }
                // Reasoning is given back by its id, unless it is there itself.
                Some("reasoning") if !item["encrypted_content"].is_null() => {}
                Some("item_reference" | "reasoning") => {
                    let id = id.unwrap_or_default();
                    let kept = shelf.item(id);
                    let kept = kept.ok_or_else(|| ApiError::ItemNotFound(id.to_owned()))?;
                    tokens += encoding.count(kept.text().as_str());
                    calls.extend(kept.call_id());
                }
                _ => {}
            }
        }
        Ok(tokens)
    }

    /// Keeps the events of a response in the background.
    pub fn keep_events(&self, id: &str, events: Vec<Event>) {
        if let Some(kept) = self.lock().kept.get_mut(id) {
            kept.events = events;
        }
    }

    /// Whether responses in the background go on for ever.
    pub fn hold(&self, held: bool) {
        self.lock().held = held;
    }

    /// Does something with a kept response.
    pub(in crate::fakes::azure) fn act(
        &self,
        id: &str,
        action: StoredAction,
        query: &str,
    ) -> Result<Said, ApiError> {
        let mut shelf = self.lock();
        let held = shelf.held;
        let missing = || ApiError::ResponseNotFound(id.to_owned());
        if action == StoredAction::Delete {
            shelf.kept.remove(id).ok_or_else(missing)?;
            let deleted = json!({"id": id, "object": "response.deleted", "deleted": true});
            return Ok(Said::Json(deleted.to_string()));
        }
        let kept = shelf.kept.get_mut(id).ok_or_else(missing)?;
        let text = match action {
            StoredAction::InputItems => list(&kept.input),
            StoredAction::Cancel if kept.queued => {
                kept.response = kept.response.begun(Status::Cancelled);
                kept.queued = false;
                kept.response.json()
            }
            StoredAction::Cancel => {
                return Err(ApiError::invalid("Cannot cancel a synchronous response."));
            }
            StoredAction::Get | StoredAction::Delete if held && kept.queued => {
                kept.response.begun(Status::InProgress).json()
            }
            StoredAction::Get | StoredAction::Delete => {
                kept.queued = false;
                if parameter(query, "stream") == Some("true") {
                    return kept.stream(query);
                }
                kept.response.json()
            }
        };
        Ok(Said::Json(text))
    }

    /// Forgets all.
    pub fn clear(&self) {
        *self.lock() = Shelf::default();
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The events after the one of this number.
    fn stream(&self, query: &str) -> Result<Said, ApiError> {
        if self.events.is_empty() {
            return Err(ApiError::invalid(
                "This response was not created with stream=true.",
            ));
        }
        let after = parameter(query, "starting_after").and_then(|it| it.parse::<usize>().ok());
        let first = after.map_or(0, |number| number + 1);
        let events = self.events.iter().skip(first).cloned();
        Ok(Said::Stream(Plan {
            beats: events.map(Beat::free).collect(),
            abort: false,
        }))
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
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
