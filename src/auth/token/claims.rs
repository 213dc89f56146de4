//! The claims of a token, each with the type that it must have.

use std::fmt;
use std::time::Duration;

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

    /// The names there: an array of strings, or one string, which is one name whatever is in it. What is
    /// neither has none.
    pub(super) fn names(&self, claims: &Map<String, Value>) -> Vec<String> {
        match self.find(claims) {
            Some(Value::String(name)) if !name.is_empty() => vec![name.clone()],
            Some(Value::Array(names)) => {
                let texts = names.iter().map(|name| name.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// The scopes there: as [`Self::names`], but one string has spaces between them (RFC 8693, section 4.2).
    pub(super) fn words(&self, claims: &Map<String, Value>) -> Vec<String> {
        match self.find(claims) {
            Some(Value::String(words)) => {
                let words = words.split_ascii_whitespace();
                words.map(str::to_owned).collect()
            }
            _ => self.names(claims),
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" → "))
    }
}

/// A NumericDate (RFC 7519, section 2): a number of seconds since 1970, perhaps with a fraction, that a
/// calendar has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumericDate {
    /// The whole second that it is in.
    pub(super) floor_s: u64,
    /// The first whole second that is not before it.
    pub(super) ceil_s: u64,
}

impl NumericDate {
    /// The end of the year 9999.
    const LAST: u64 = 253_402_300_799;

    /// Reads a claim.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let (floor_s, ceil_s) = match value.as_u64() {
            Some(whole) => (whole, whole),
            None => {
                let exact = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
                let floor = exact.as_secs();
                (
                    floor,
                    floor.saturating_add(u64::from(exact.subsec_nanos() > 0)),
                )
            }
        };
        (ceil_s <= Self::LAST).then_some(Self { floor_s, ceil_s })
    }
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
        assert_eq!(path(&["scp"]).words(&claims), ["x", "y"]);
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
    fn only_scopes_are_split_at_spaces() {
        let claims = map(json!({"one": "LLM Users", "many": ["LLM Users", "x"], "empty": ""}));
        for (name, names, words) in [
            ("one", vec!["LLM Users"], vec!["LLM", "Users"]),
            ("many", vec!["LLM Users", "x"], vec!["LLM Users", "x"]),
            ("empty", vec![], vec![]),
        ] {
            assert_eq!(path(&[name]).names(&claims), names, "{name}");
            assert_eq!(path(&[name]).words(&claims), words, "{name}");
        }
    }

    #[test]
    fn a_time_is_a_number_that_a_calendar_has() {
        for (value, floor_s, ceil_s) in [
            (json!(1_700_000_000), 1_700_000_000, 1_700_000_000),
            (json!(1_795_483_700.0), 1_795_483_700, 1_795_483_700),
            (json!(2e9), 2_000_000_000, 2_000_000_000),
            (json!(1.5), 1, 2),
            (json!(0), 0, 0),
        ] {
            let date = NumericDate { floor_s, ceil_s };
            assert_eq!(NumericDate::read(&value), Some(date), "{value}");
        }
        for wrong in [
            json!(null),
            json!("1700000000"),
            json!(1e19),
            json!(253_402_300_799.5),
            json!(-1),
            json!(-0.5),
            json!(u64::MAX),
            json!([1]),
            json!(true),
        ] {
            assert_eq!(NumericDate::read(&wrong), None, "{wrong}");
        }
    }
}
