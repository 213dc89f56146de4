//! What is not YAML: its brackets, quotes and names are shown, and no values.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use serde_json::Value;

use super::super::schema::schema;

/// What separates words, and is what can be wrong with YAML.
const STRUCTURE: &str = ":,[]{}\"'#&*!|>";

/// All names that a member of a configuration can have.
static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut names = BTreeSet::new();
    add_names(&schema(), &mut names);
    names
});

/// The bytes of all words that are not names of members.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begin = 0;
    for part in text.split_inclusive(is_between) {
        let word = part.trim_end_matches(is_between);
        let is_dash = word.bytes().all(|it| it == b'-');
        if !is_dash && !NAMES.contains(word) {
            found.push(begin..begin + word.len());
        }
        begin += part.len();
    }
    found
}

fn is_between(it: char) -> bool {
    it.is_whitespace() || STRUCTURE.contains(it)
}

fn add_names(shape: &Value, names: &mut BTreeSet<String>) {
    match shape {
        Value::Object(parts) => {
            let members = parts.get("properties").and_then(Value::as_object);
            names.extend(members.into_iter().flatten().map(|(name, _)| name.clone()));
            parts.values().for_each(|it| add_names(it, names));
        }
        Value::Array(parts) => parts.iter().for_each(|it| add_names(it, names)),
        _ => {}
    }
}
