//! Values of Envoy's configuration: where they are, and whether two mean the same.

use serde_json::{Map, Value};

/// Most characters of a value that are shown.
const MAX_SHOWN_CHARS: usize = 120;
/// The first names of enumerations, which the dump leaves out.
const DEFAULTS: [&str; 4] = ["DEFAULT", "NONE", "SANITIZE", "AUTO"];

/// What is at a path such as `processing_mode/request_body_mode`.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })
}

/// The members of a list; none where there is no list.
pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text at a path.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path)?.as_str()
}

/// Whether the `@type` of a value ends with a name.
pub(super) fn is_a(value: &Value, name: &str) -> bool {
    let kind = text(value, "@type").unwrap_or_default();
    kind.rsplit('.').next() == Some(name)
}

/// The same value in one spelling, without what is a default: Envoy writes numbers of 64 bits as texts, pads
/// durations, and leaves out what is zero, empty or the first of an enumeration. `None` is the default.
pub(super) fn canonical(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some(Value::Bool(true)),
        Value::Number(number) => canonical_text(&number.to_string()),
        Value::String(text) => canonical_text(text),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            let items = items.iter().map(|it| canonical(it).unwrap_or_default());
            Some(Value::Array(items.collect()))
        }
        Value::Object(members) => {
            let members: Map<_, _> = members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), canonical(value)?)))
                .collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
    }
}

fn canonical_text(text: &str) -> Option<Value> {
    let is_default = text.is_empty() || DEFAULTS.contains(&text);
    let text = match (is_default, amount_of(text)) {
        (true, _) => return None,
        (false, Some(0)) => return None,
        (false, Some(amount)) => amount.to_string(),
        (false, None) => text.to_owned(),
    };
    Some(Value::String(text))
}

/// A number, or a duration in nanoseconds.
pub(super) fn amount(value: &Value) -> Option<u128> {
    match value {
        Value::Number(number) => amount_of(&number.to_string()),
        Value::String(text) => amount_of(text),
        _ => None,
    }
}

fn amount_of(text: &str) -> Option<u128> {
    const DIGITS: usize = 9;
    let Some(seconds) = text.strip_suffix('s') else {
        return text.parse().ok();
    };
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let is_digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > DIGITS || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    format!("{whole}{part:0<DIGITS$}").parse().ok()
}

/// A value for people.
pub(super) fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "not set".to_owned();
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(members) if members.len() == 1 => {
            let named = members
                .iter()
                .map(|(name, it)| format!("{name} {}", shown(Some(it))));
            named.collect()
        }
        other => other.to_string(),
    };
    let mut shown: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spellings_of_one_value_are_the_same() {
        for (written, dumped) in [
            (json!("0.25s"), json!("0.250s")),
            (json!("5s"), json!("5.000s")),
            (json!(17_825_792), json!("17825792")),
            (json!({ "a": false, "b": 1 }), json!({ "b": 1 })),
            (json!({ "mode": "NONE" }), json!({})),
            (json!([]), Value::Null),
            (json!("0s"), Value::Null),
            (json!([{ "a": 1, "b": "" }]), json!([{ "a": 1 }])),
        ] {
            assert_eq!(canonical(&written), canonical(&dumped), "{written}");
        }
        for (one, other) in [
            (json!("5s"), json!("5")),
            (json!(true), json!(false)),
            (json!(["a", "b"]), json!(["b", "a"])),
            (json!("SKIP"), json!("SEND")),
        ] {
            assert_ne!(canonical(&one), canonical(&other), "{one}");
        }
    }

    #[test]
    fn amounts_are_numbers_and_durations() {
        assert_eq!(amount(&json!("1.5s")), Some(1_500_000_000));
        assert_eq!(amount(&json!("1.000000001s")), Some(1_000_000_001));
        assert_eq!(amount(&json!(7)), Some(7));
        for not in [
            json!("s"),
            json!("1.0000000001s"),
            json!("-1s"),
            json!(-1),
            json!([1]),
        ] {
            assert_eq!(amount(&not), None, "{not}");
        }
    }

    #[test]
    fn a_long_value_is_shown_in_part() {
        assert_eq!(shown(None), "not set");
        assert_eq!(shown(Some(&json!(true))), "true");
        assert_eq!(shown(Some(&json!({ "exact": "a" }))), "exact a");
        let long = shown(Some(&json!("ä".repeat(500))));
        assert_eq!(long.chars().count(), 121);
    }
}
