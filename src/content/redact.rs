//! JSON without what must not be seen: by patterns in its texts, and by the names of members that hold secrets.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::rules::ContentRules;

/// Members that hold what proves who somebody is, of tools, data sources and whatever an application sends to its own
/// functions.
const SECRETS: [&str; 14] = [
    "access_token",
    "api_key",
    "apikey",
    "api-key",
    "authentication",
    "authorization",
    "client_secret",
    "connection_string",
    "credentials",
    "headers",
    "passwd",
    "password",
    "refresh_token",
    "secret",
];
const SECRET: &str = "[secret]";

/// Who the end user is, which the line says as the configuration has it.
const USERS: [&str; 3] = ["user", "safety_identifier", "prompt_cache_key"];
const USER: &str = "[user]";

/// How deep JSON in the texts of JSON is read, as the arguments of functions are.
const MAX_DEPTH: u32 = 4;
/// Shorter ones may be words.
const MIN_DATA_BYTES: usize = 256;

/// Takes out what must not be seen, and counts it.
pub(super) struct Redactor<'a> {
    rules: &'a ContentRules,
    pub(super) count: u64,
}

impl<'a> Redactor<'a> {
    pub(super) const fn new(rules: &'a ContentRules) -> Self {
        Self { rules, count: 0 }
    }

    /// A whole prompt or answer.
    pub(super) fn document(&mut self, mut document: Value) -> Value {
        if let Value::Object(members) = &mut document {
            for name in USERS {
                if let Some(value) = members.get_mut(name).filter(|it| !it.is_null()) {
                    *value = Value::from(USER);
                }
            }
        }
        self.value(document, MAX_DEPTH)
    }

    fn value(&mut self, value: Value, depth: u32) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text, depth)),
            Value::Number(number) => self.number(number),
            Value::Array(items) => items.into_iter().map(|it| self.value(it, depth)).collect(),
            Value::Object(members) => self.members(members, depth),
            Value::Null | Value::Bool(_) => value,
        }
    }

    fn members(&mut self, members: Map<String, Value>, depth: u32) -> Value {
        let mut shown = Map::new();
        // Names may have become one: those after the first get a number.
        let mut numbers: HashMap<String, u64> = HashMap::new();
        for (name, value) in members {
            let is_secret = !value.is_null() && is_secret(&name);
            let value = match is_secret {
                true => {
                    self.count = self.count.saturating_add(1);
                    Value::from(SECRET)
                }
                false => self.value(value, depth),
            };
            let first = self.rules.apply(&name, &mut self.count).into_owned();
            let mut name = first.clone();
            while shown.contains_key(&name) {
                let number = numbers.entry(first.clone()).or_insert(1);
                *number += 1;
                name = format!("{first} {number}");
            }
            shown.insert(name, value);
        }
        Value::Object(shown)
    }

    fn text(&mut self, text: String, depth: u32) -> String {
        if is_data(&text) {
            return format!("[{} bytes of data]", text.len());
        }
        let text = match json_in(&text, depth) {
            Some(document) => self.value(document, depth - 1).to_string(),
            None => text,
        };
        match self.rules.apply(&text, &mut self.count) {
            Cow::Owned(changed) => changed,
            Cow::Borrowed(_) => text,
        }
    }

    /// An account or a card may be written as a number.
    fn number(&mut self, number: Number) -> Value {
        match self.rules.apply(&number.to_string(), &mut self.count) {
            Cow::Owned(changed) => Value::String(changed),
            Cow::Borrowed(_) => Value::Number(number),
        }
    }
}

fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|it| name.eq_ignore_ascii_case(it))
}

/// The JSON that a text is, such as the arguments of a function.
fn json_in(text: &str, depth: u32) -> Option<Value> {
    if depth == 0 || !text.trim_ascii_start().starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Images, recordings and files: data URLs and base64 (RFC 4648), of which no person reads anything.
fn is_data(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    let is_url = text
        .get(..5)
        .is_some_and(|it| it.eq_ignore_ascii_case("data:"));
    is_url || (text.len() >= MIN_DATA_BYTES && text.bytes().all(is_base64))
}

#[cfg(test)]
mod tests;
