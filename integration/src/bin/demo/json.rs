//! JSON for a reader: what fits into a line stays on one.

use serde_json::Value;

const MAX_LINE_CHARS: usize = 100;
const INDENT: &str = "  ";

/// The value on as few lines as are readable.
pub fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write(value, "", &mut text);
    text
}

fn write(value: &Value, indent: &str, text: &mut String) {
    let flat = value.to_string();
    let fits = indent.len() + flat.chars().count() <= MAX_LINE_CHARS;
    let (brackets, members): (_, Vec<(String, &Value)>) = match value {
        Value::Object(members) if !fits => {
            let named = members
                .iter()
                .map(|(name, it)| (format!("\"{name}\": "), it));
            (["{", "}"], named.collect())
        }
        Value::Array(items) if !fits => {
            let items = items.iter().map(|it| (String::new(), it));
            (["[", "]"], items.collect())
        }
        _ => return text.push_str(&flat),
    };
    let inner = format!("{indent}{INDENT}");
    text.push_str(brackets[0]);
    let mut comma = "";
    for (name, member) in members {
        text.push_str(&format!("{comma}\n{inner}{name}"));
        write(member, &inner, text);
        comma = ",";
    }
    text.push_str(&format!("\n{indent}{}", brackets[1]));
}

/// Members in which Azure says what its content filter found: long, and not what the tour is about.
const FILTER_RESULTS: [&str; 2] = ["content_filter_results", "prompt_filter_results"];

/// The value with the content filter's results as `…`.
pub fn without_filter_results(mut value: Value) -> Value {
    elide(&mut value);
    value
}

fn elide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.iter_mut().for_each(|(name, member)| {
                match FILTER_RESULTS.contains(&name.as_str()) {
                    true => *member = "…".into(),
                    false => elide(member),
                }
            })
        }
        Value::Array(items) => items.iter_mut().for_each(elide),
        _ => {}
    }
}

/// A value without quotes, for a sentence or a table.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
