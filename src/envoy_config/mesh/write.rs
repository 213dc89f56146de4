//! A value as YAML for people: blocks, and each text as one whole scalar.

use serde_json::Value;

use crate::envoy_config::scalar::scalar;

/// Spaces that each level is moved to the right by.
const STEP: usize = 2;

/// Writes a document.
pub(super) fn block(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(_) | Value::Array(_) => nested(value, 0, &mut out),
        scalar => one(scalar, 0, &mut out),
    }
    out
}

/// The lines of what has parts.
fn nested(value: &Value, indent: usize, out: &mut String) {
    let spaces = " ".repeat(indent);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                out.push_str(&spaces);
                out.push_str(&key(name));
                out.push(':');
                after(member, indent, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut lines = String::new();
                match is_block(item) {
                    true => nested(item, indent + STEP, &mut lines),
                    false => {
                        lines.push_str(&" ".repeat(indent + STEP));
                        one(item, indent, &mut lines);
                    }
                }
                out.push_str(&spaces);
                out.push_str("- ");
                // The first line of the item stands behind its dash.
                out.push_str(lines.get(indent + STEP..).unwrap_or_default());
            }
        }
        _ => {}
    }
}

/// What stands behind a name and its colon.
fn after(value: &Value, indent: usize, out: &mut String) {
    match is_block(value) {
        true => {
            out.push('\n');
            nested(value, indent + STEP, out);
        }
        false => {
            out.push(' ');
            one(value, indent, out);
        }
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// A scalar or something empty, to the end of its line.
fn one(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::String(text) if is_literal(text) => {
            out.push('|');
            for line in text.lines() {
                out.push('\n');
                if !line.is_empty() {
                    out.push_str(&" ".repeat(indent + STEP));
                    out.push_str(line);
                }
            }
        }
        Value::String(text) => out.push_str(&scalar(text)),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => out.push_str(&other.to_string()),
    }
    out.push('\n');
}

/// Several lines that can be written as they are: what we have written ourselves, in Lua.
fn is_literal(text: &str) -> bool {
    let is_plain = |c: char| c == '\n' || c == ' ' || c.is_ascii_graphic();
    let is_one_text = text.ends_with('\n') && !text.ends_with("\n\n");
    is_one_text && !text.starts_with([' ', '\n']) && text.chars().all(is_plain)
}

/// A name: `@type` would not be plain.
fn key(name: &str) -> String {
    scalar(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_written_in_blocks() {
        let value = json!({
            "@type": "a/b",
            "empty": [{}, []],
            "list": [{ "a": 1, "b": ["x", true] }, [1, [2]], "no"],
            "lua": "local a\n\nend\n",
        });
        let text = "\"@type\": a/b\nempty:\n  - {}\n  - []\nlist:\n  - a: 1\n    b:\n      - x\n      - true\n  - - 1\n    - - 2\n  - \"no\"\nlua: |\n  local a\n\n  end\n";
        assert_eq!(block(&value), text);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".*", "([a-z ]{0,5}\n){0,3}", "[-:#{} \n|>]*"];
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<u32>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[^\u{0}]{0,6}", inner, 0..4)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_reader_of_yaml_gets_back_the_value(value in any_value()) {
            let text = block(&json!({ "value": value }));
            let read: Value = serde_saphyr::from_str(&text).expect("YAML");
            prop_assert_eq!(&read["value"], &value, "{}", text);
        }
    }
}
