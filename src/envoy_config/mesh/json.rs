//! Members of JSON, by their path: `a/b`.

use serde_json::Value;

static NOTHING: Value = Value::Null;

pub(super) trait Members {
    /// What is there; null where there is nothing.
    fn at(&self, path: &str) -> &Value;

    /// Puts a member into an object that is there.
    fn put(&mut self, path: &str, value: Value);
}

impl Members for Value {
    fn at(&self, path: &str) -> &Value {
        path.split('/')
            .try_fold(self, |value, name| match value {
                Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                value => value.get(name),
            })
            .unwrap_or(&NOTHING)
    }

    fn put(&mut self, path: &str, value: Value) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut parents = parent.split('/').filter(|it| !it.is_empty());
        let parent = parents.try_fold(self, |value, name| value.get_mut(name));
        if let Some(Value::Object(members)) = parent {
            members.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_found_and_put_by_their_path() {
        let mut value = json!({ "a": [{ "b.c": 1 }], "d": {} });
        assert_eq!(*value.at("a/0/b.c"), 1);
        for missing in ["a/1", "a/b", "e", "d/x"] {
            assert!(value.at(missing).is_null(), "{missing}");
        }
        value.put("d/e", json!(2));
        value.put("f", json!(3));
        value.put("nowhere/g", json!(4));
        assert_eq!(
            value,
            json!({ "a": [{ "b.c": 1 }], "d": { "e": 2 }, "f": 3 })
        );
    }
}
