//! Values of records, from what else has them.

use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, Value};
use serde_json::Value as Json;

/// A line of the audit log. What is null is left out: the library knows no such value.
pub(super) fn of_json(json: Json) -> Option<AnyValue> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(is_so) => is_so.into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(part)) if !number.is_u64() => part.into(),
            _ => number.to_string().into(),
        },
        Json::String(text) => text.into(),
        Json::Array(list) => list.into_iter().filter_map(of_json).collect(),
        Json::Object(members) => members
            .into_iter()
            .filter_map(|(name, value)| Some((name, of_json(value)?)))
            .collect(),
    })
}

/// An attribute as spans have it.
pub(super) fn of_attribute(value: Value) -> AnyValue {
    match value {
        Value::Bool(is_so) => is_so.into(),
        Value::I64(number) => number.into(),
        Value::F64(number) => number.into(),
        Value::String(text) => text.into(),
        Value::Array(Array::String(list)) => list.into_iter().collect(),
        // No attribute has them, and later versions may have others.
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use opentelemetry::Key;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_keeps_its_types_and_loses_what_is_null() {
        let line = json!({
            "event": "usage", "user": null, "stream": true, "status": 200, "duration_ms": 1.5,
            "cost": [{ "after": 2 }], "much": u64::MAX,
        });
        let Some(AnyValue::Map(map)) = of_json(line) else {
            panic!("an object is a map")
        };
        let cost: HashMap<Key, AnyValue> = HashMap::from([("after".into(), 2.into())]);
        for (name, value) in [
            ("event", Some("usage".into())),
            ("user", None),
            ("stream", Some(true.into())),
            ("status", Some(200.into())),
            ("duration_ms", Some(1.5.into())),
            (
                "cost",
                Some(AnyValue::ListAny(Box::new(vec![AnyValue::Map(Box::new(
                    cost,
                ))]))),
            ),
            ("much", Some("18446744073709551615".into())),
        ] {
            assert_eq!(map.get(&Key::from(name)), value.as_ref(), "{name}");
        }
    }
}
