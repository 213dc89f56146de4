//! The claims of a token, each with the type that it must have.

use serde_json::{Map, Value};

/// Where a claim is: a member's exact name, or the names on the way to it (`realm_access`, `roles`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// The path through these members.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// The claim there, if there is one.
    pub(super) fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        let start = claims.get(first)?;
        rest.iter().try_fold(start, |value, name| value.get(name))
    }

    /// The claim there, if it is a string that is not empty.
    pub(super) fn text<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a str> {
        self.find(claims)?.as_str().filter(|text| !text.is_empty())
    }

    /// The names there: an array of strings, or one string with spaces between (RFC 8693, section
    /// 4.2). What is neither has none.
    pub(super) fn names(&self, claims: &Map<String, Value>) -> Vec<String> {
        let own = |name: &str| name.to_owned();
        match self.find(claims) {
            Some(Value::String(names)) => names.split_ascii_whitespace().map(own).collect(),
            Some(Value::Array(names)) => {
                let texts = names.iter().map(|name| name.as_str().map(own));
                texts.collect::<Option<_>>().unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}

/// A whole number of seconds since 1970 that a calendar has (NumericDate, RFC 7519, section 2).
pub(super) fn seconds(value: &Value) -> Option<u64> {
    /// The end of the year 9999.
    const LAST: u64 = 253_402_300_799;
    value.as_u64().filter(|at| *at <= LAST)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(names: &[&str]) -> ClaimPath {
        ClaimPath::new(names.iter().map(|&name| name.to_owned()))
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn claims_are_found_by_exact_name_and_by_path() {
        let claims =
            map(json!({"realm_access": {"roles": ["a", "b"]}, "a.b": "dots", "scp": "x y"}));
        assert_eq!(path(&["realm_access", "roles"]).names(&claims), ["a", "b"]);
        assert_eq!(path(&["a.b"]).text(&claims), Some("dots"));
        assert_eq!(path(&["scp"]).names(&claims), ["x", "y"]);
        assert_eq!(path(&["realm_access", "roles", "a"]).text(&claims), None);
        assert_eq!(path(&["realm_access.roles"]).find(&claims), None);
    }

    #[test]
    fn names_of_another_type_are_none() {
        let claims = map(json!({"mixed": ["a", 1], "number": 1, "null": null, "object": {"a": 1}}));
        for name in ["mixed", "number", "null", "object", "absent"] {
            assert!(path(&[name]).names(&claims).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_time_is_a_whole_number_that_a_calendar_has() {
        assert_eq!(seconds(&json!(1_700_000_000)), Some(1_700_000_000));
        for wrong in [
            json!(null),
            json!("1700000000"),
            json!(1e19),
            json!(1.5),
            json!(-1),
            json!(u64::MAX),
            json!([1]),
            json!(true),
        ] {
            assert_eq!(seconds(&wrong), None, "{wrong}");
        }
    }
}
