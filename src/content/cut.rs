//! JSON of a bounded length: texts are cut where the room ends, and what follows is left out.

use serde_json::Value;

/// What a member, an item or a number costs besides its texts: quotes, commas, digits.
const SMALL: usize = 8;
const MARK: &str = "…";

/// Cuts a document to about so many bytes; says whether something is missing.
pub(super) fn cut(document: &mut Value, max_bytes: usize) -> bool {
    let mut cutting = Cutting {
        left: max_bytes,
        is_cut: false,
    };
    cutting.value(document);
    cutting.is_cut
}

struct Cutting {
    left: usize,
    is_cut: bool,
}

impl Cutting {
    /// Whether there is room for this and so many bytes.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes.saturating_add(SMALL));
        self.is_cut |= left.is_none();
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.retain_mut(|item| {
                let has_room = self.take(0);
                if has_room {
                    self.value(item);
                }
                has_room
            }),
            Value::Object(members) => members.retain(|name, value| {
                let has_room = self.take(name.len());
                if has_room {
                    self.value(value);
                }
                has_room
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &mut String) {
        if text.len() > self.left {
            text.truncate(text.floor_char_boundary(self.left));
            text.push_str(MARK);
            self.is_cut = true;
        }
        self.left = self.left.saturating_sub(text.len());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_is_whole() {
        let document = json!({"a": ["x", 1, null], "b": {"c": "y"}});
        let mut same = document.clone();
        assert!(!cut(&mut same, 1000));
        assert_eq!(same, document);
    }

    #[test]
    fn texts_are_cut_between_characters_and_the_rest_is_left_out() {
        let mut document = json!({"a": "ä".repeat(100), "b": "rest", "c": [1, 2]});
        assert!(cut(&mut document, 50));
        assert_eq!(document, json!({"a": format!("{}…", "ä".repeat(20))}));
        let mut many = json!((0..1000).collect::<Vec<_>>());
        assert!(cut(&mut many, 100));
        assert_eq!(many, json!((0..12).collect::<Vec<_>>()));
    }
}
