//! The answer of a stream, put together from its events: a pattern must not miss what comes in two pieces.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Members of a delta that the model has not written.
const NOT_TEXT: [&str; 4] = ["id", "index", "role", "type"];
/// How deep deltas are.
const MAX_DEPTH: u32 = 8;

/// The document that the events of a stream make: the response that its last event has, or the texts of each of its
/// choices.
pub(super) fn of_events(events: impl Iterator<Item = Vec<u8>>) -> Value {
    let mut answer = Answer::default();
    for event in events {
        if let Ok(Value::Object(event)) = serde_json::from_slice(&event) {
            answer.event(event);
        }
    }
    answer.into_value()
}

#[derive(Default)]
struct Answer {
    /// What says all: the last response, or an error.
    whole: Option<Value>,
    parts: BTreeMap<u64, BTreeMap<String, String>>,
}

impl Answer {
    fn event(&mut self, mut event: Map<String, Value>) {
        let kind = event.get("type").and_then(Value::as_str);
        let kind = kind.unwrap_or_default().to_owned();
        if let Some(error) = event.remove("error").filter(|it| !it.is_null()) {
            self.whole = Some(json!({ "error": error }));
        }
        if kind.starts_with("response.") && !kind.ends_with(".created") {
            let is_last = ["completed", "incomplete", "failed"];
            let is_last = is_last.iter().any(|it| kind.ends_with(it));
            if let Some(response) = event.remove("response").filter(|_| is_last) {
                self.whole = Some(response);
            }
        }
        if let Some(text) = event.get("delta").and_then(Value::as_str) {
            let number = |name| event.get(name).and_then(Value::as_u64).unwrap_or(0);
            let part = kind.trim_end_matches(".delta");
            let place = match number("content_index") + number("summary_index") {
                0 => part.to_owned(),
                more => format!("{part}[{more}]"),
            };
            self.add(number("output_index"), &place, text);
        }
        let choices = event.get("choices").and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
            for (name, value) in choice.as_object().into_iter().flatten() {
                match (name.as_str(), value) {
                    ("delta", delta) => self.delta(index, "", delta, MAX_DEPTH),
                    ("text" | "finish_reason", Value::String(text)) => self.add(index, name, text),
                    _ => {}
                }
            }
        }
    }

    /// Each text of a delta goes on where the last one ended.
    fn delta(&mut self, choice: u64, place: &str, delta: &Value, depth: u32) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        match delta {
            Value::String(text) => self.add(choice, place, text),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let said = item.get("index").and_then(Value::as_u64);
                    let at = said.unwrap_or(u64::try_from(at).unwrap_or(u64::MAX));
                    self.delta(choice, &format!("{place}[{at}]"), item, depth);
                }
            }
            Value::Object(members) => {
                let text = members
                    .iter()
                    .filter(|(name, _)| !NOT_TEXT.contains(&name.as_str()));
                for (name, value) in text {
                    let place = match place {
                        "" => name.clone(),
                        _ => format!("{place}.{name}"),
                    };
                    self.delta(choice, &place, value, depth);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn add(&mut self, index: u64, place: &str, text: &str) {
        let part = self.parts.entry(index).or_default();
        match part.get_mut(place) {
            Some(there) => there.push_str(text),
            None => {
                part.insert(place.to_owned(), text.to_owned());
            }
        }
    }

    fn into_value(self) -> Value {
        if let Some(whole) = self.whole {
            return whole;
        }
        let parts = self.parts.into_iter().map(|(index, texts)| {
            let mut part = Map::from_iter([("index".to_owned(), Value::from(index))]);
            part.extend(texts.into_iter().map(|(place, text)| (place, text.into())));
            Value::Object(part)
        });
        json!({ "parts": parts.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(events: &[&str]) -> Value {
        of_events(events.iter().map(|it| it.as_bytes().to_vec()))
    }

    #[test]
    fn the_deltas_of_each_choice_are_one_text() {
        let events = [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"ada@"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"other"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x.org"},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":":1}"}}]},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ];
        assert_eq!(
            answer(&events),
            json!({"parts": [
                {
                    "index": 0, "content": "ada@x.org", "finish_reason": "stop",
                    "tool_calls[1].function.name": "f", "tool_calls[1].function.arguments": "{\"a\":1}",
                },
                {"index": 1, "content": "other"},
            ]})
        );
        assert_eq!(
            answer(&[
                r#"{"choices":[{"index":0,"text":"a"}]}"#,
                r#"{"choices":[{"text":"b"}]}"#
            ]),
            json!({"parts": [{"index": 0, "text": "ab"}]})
        );
    }

    #[test]
    fn the_last_event_of_a_response_has_all_of_it() {
        let begun = [
            r#"{"type":"response.created","response":{"id":"r","output":[]}}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"He"}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"llo"}"#,
        ];
        let parts = json!({"parts": [{"index": 1, "response.output_text": "Hello"}]});
        assert_eq!(answer(&begun), parts, "one that breaks off");
        let last = r#"{"type":"response.completed","response":{"id":"r","output":["Hello"]}}"#;
        let all = [begun.as_slice(), &[last]].concat();
        assert_eq!(answer(&all), json!({"id": "r", "output": ["Hello"]}));
    }

    #[test]
    fn an_error_is_the_answer() {
        let events = [r#"{"error":{"message":"m"}}"#, "not JSON", "[]"];
        assert_eq!(answer(&events), json!({"error": {"message": "m"}}));
        assert_eq!(answer(&[]), json!({"parts": []}));
    }
}
