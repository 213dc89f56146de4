//! JSON objects without duplicate members, at any depth.
//!
//! RFC 7519, section 4 lets a parser refuse duplicates or take the last; a parser elsewhere may take
//! the first. Refusing them leaves one way to read a token. serde_json bounds the depth.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// What a duplicate's error says; found again in serde's own wording around it.
const DUPLICATE: &str = "tollgate: duplicate member";

/// Why a text can't be used as a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) enum ObjectError {
    /// Two readers could differ on what it says.
    DuplicateMember,
    /// Not JSON, or another value than an object.
    Malformed,
}

/// Reads a JSON object.
///
/// # Errors
/// [`ObjectError::DuplicateMember`], or [`ObjectError::Malformed`] for all else that is not an object.
pub(in crate::auth) fn object(bytes: &[u8]) -> Result<Map<String, Value>, ObjectError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Unique
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ObjectError::Malformed),
        Err(error) if error.to_string().starts_with(DUPLICATE) => Err(ObjectError::DuplicateMember),
        Err(_) => Err(ObjectError::Malformed),
    }
}

struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Unique)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Unique)?;
            if map.insert(name, value).is_some() {
                return Err(serde::de::Error::custom(DUPLICATE));
            }
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duplicate_member_is_refused_at_any_depth() {
        for text in [
            r#"{"iss":"a","iss":"a"}"#,
            r#"{"iss":"a","\u0069ss":"b"}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert_eq!(
                object(text.as_bytes()),
                Err(ObjectError::DuplicateMember),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = "[".repeat(50_000);
        for text in ["", "[]", "1", "null", "{", "{} {}", "{}x", "{'a':1}", &deep] {
            let read = object(text.as_bytes());
            assert_eq!(read, Err(ObjectError::Malformed), "{text:.20}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = object(&bytes);
        }

        #[test]
        fn an_object_without_duplicates_is_what_serde_json_reads(
            members in prop::collection::btree_map("[a-z]{0,4}", "\\PC{0,8}", 0..8)
        ) {
            let text = serde_json::to_string(&members).expect("JSON");
            let expected: Map<String, Value> = serde_json::from_str(&text).expect("an object");
            prop_assert_eq!(object(text.as_bytes()), Ok(expected));
        }
    }
}
