//! Tools: which one a model calls, with which arguments, and that each call has its answer.
//!
//! A model that is asked for a tool by its name calls it and says nothing else. When the tool has
//! answered, it speaks.

use super::errors::ApiError;
use serde_json::{Map, Value, json};

/// What a tool is called when the request offers none.
const DEFAULT_TOOL: &str = "get_weather";
/// A caller's own text may look like a usage; only a typed parse tells them apart.
const LURING_ARGUMENTS: &str = r#"{"city":"Zürich","note":"a report with \"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2} in it"}"#;
/// The text that fits any of a tool's parameters.
const TEXT: &str = "Zürich";

/// A call that a model makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// The tool's name.
    pub name: &'a str,
    /// JSON, as text.
    pub arguments: String,
    /// Whether it says something before.
    pub talks: bool,
}

impl<'a> Call<'a> {
    /// `x-fake-tool-call`: the first tool that is offered, with text and arguments that look like a usage.
    pub fn luring(body: &'a Value) -> Self {
        let first = functions(body).next();
        let name = first.and_then(|function| function["name"].as_str());
        Self {
            name: name.unwrap_or(DEFAULT_TOOL),
            arguments: LURING_ARGUMENTS.to_owned(),
            talks: true,
        }
    }

    /// The call that `tool_choice` wants, or the user's last word, which is `topic`.
    pub fn asked_for(body: &'a Value, topic: &str) -> Option<Self> {
        let choice = &body["tool_choice"];
        let chosen = choice["function"]["name"]
            .as_str()
            .or_else(|| choice["name"].as_str());
        let wanted = |function: &&Value| {
            let name = function["name"].as_str().unwrap_or_default();
            match (chosen, choice.as_str()) {
                (Some(chosen), _) => name == chosen,
                (None, Some("none")) => false,
                (None, Some("required")) => true,
                (None, _) => is_users_turn(body) && topic.contains(name),
            }
        };
        let function = functions(body).find(wanted)?;
        Some(Self {
            name: function["name"].as_str()?,
            arguments: arguments(&function["parameters"]).to_string(),
            talks: false,
        })
    }
}

/// The functions that a request offers, in chat's form or in that of Responses.
fn functions(body: &Value) -> impl Iterator<Item = &Value> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools
        .filter(|tool| tool["type"] == "function")
        .map(|tool| tool.get("function").unwrap_or(tool))
}

fn is_users_turn(body: &Value) -> bool {
    let last = |name: &str| body[name].as_array().and_then(|list| list.last());
    match last("messages").or_else(|| last("input")) {
        Some(last) => last["role"] == "user",
        None => body["input"].is_string(),
    }
}

/// An object that a schema allows.
fn arguments(schema: &Value) -> Value {
    let properties = schema["properties"].as_object();
    let filled = properties.into_iter().flatten().map(|(name, schema)| {
        let schema = schema["anyOf"].get(0).unwrap_or(schema);
        let value = match (schema["enum"].get(0), schema["type"].as_str()) {
            (Some(first), _) => first.clone(),
            (None, Some("integer" | "number")) => json!(3),
            (None, Some("boolean")) => json!(true),
            (None, Some("array")) => json!([]),
            (None, Some("object")) => arguments(schema),
            (None, _) => json!(TEXT),
        };
        (name.clone(), value)
    });
    Value::Object(filled.collect::<Map<_, _>>())
}

/// Refuses a chat in which a call has no answer, or an answer no call.
pub fn check_messages(body: &Value) -> Result<(), ApiError> {
    let mut open: Vec<&str> = Vec::new();
    for message in body["messages"].as_array().into_iter().flatten() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let at = open.iter().position(|call| *call == id);
            open.swap_remove(at.ok_or_else(|| ApiError::invalid("Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."))?);
            continue;
        }
        all_answered(&open)?;
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.filter_map(|call| call["id"].as_str()).collect();
    }
    all_answered(&open)
}

fn all_answered(open: &[&str]) -> Result<(), ApiError> {
    if open.is_empty() {
        return Ok(());
    }
    let ids = open.join(", ");
    Err(ApiError::invalid(format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {ids}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(messages: &Value, choice: &str) -> Value {
        let parameters = json!({"type": "object", "properties": {
            "city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}
        }});
        let function = json!({"name": "get_weather", "parameters": parameters});
        json!({
            "messages": messages, "tool_choice": choice,
            "tools": [{"type": "function", "function": function}],
        })
    }

    #[test]
    fn a_tool_is_called_when_the_user_names_it_or_the_request_requires_it() {
        let user = json!([{"role": "user", "content": "Use get_weather."}]);
        let body = weather(&user, "auto");
        let call = Call::asked_for(&body, "Use get_weather.").expect("a call");
        assert_eq!(call.name, "get_weather");
        assert_eq!(call.arguments, r#"{"city":"Zürich","days":3,"unit":"C"}"#);
        assert_eq!(Call::asked_for(&body, "Hello."), None, "not asked for");
        let refused = weather(&user, "none");
        assert_eq!(Call::asked_for(&refused, "Use get_weather."), None);
        assert!(Call::asked_for(&weather(&user, "required"), "Hello.").is_some());
        let named = json!({"tool_choice": {"type": "function", "name": "b"}, "tools": [
            {"type": "function", "name": "a"}, {"type": "function", "name": "b"}
        ]});
        assert_eq!(Call::asked_for(&named, "").map(|it| it.name), Some("b"));
    }

    #[test]
    fn a_tool_that_has_answered_is_not_called_again() {
        let messages = json!([
            {"role": "user", "content": "Use get_weather."},
            {"role": "assistant", "tool_calls": [{"id": "call_1"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ]);
        let body = weather(&messages, "auto");
        assert_eq!(Call::asked_for(&body, "Use get_weather."), None);
        assert!(check_messages(&body).is_ok());
    }

    #[test]
    fn calls_and_answers_come_in_pairs() {
        let call = json!({"role": "assistant", "tool_calls": [{"id": "call_1"}]});
        let answer = json!({"role": "tool", "tool_call_id": "call_1"});
        let user = json!({"role": "user"});
        for messages in [json!([call]), json!([call, user]), json!([user, answer])] {
            let body = json!({"messages": messages});
            assert!(check_messages(&body).is_err(), "{body}");
        }
        let answered = json!({"messages": [call, answer, user]});
        assert!(check_messages(&answered).is_ok());
    }
}
