//! A few members of a JSON object, read strictly: each once, spelled exactly, nothing else kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::BodyError;

/// The values of the named members, in the order of the names; `None` for one that is not there.
///
/// # Errors
/// [`BodyError::Malformed`] if it is not a JSON object, or one of the members is a duplicate or in
/// another spelling: two parsers could read it differently.
pub(super) fn members<'de, const N: usize>(
    object: &'de [u8],
    names: [&'static str; N],
) -> Result<[Option<&'de RawValue>; N], BodyError> {
    let mut parser = serde_json::Deserializer::from_slice(object);
    Members(names)
        .deserialize(&mut parser)
        .and_then(|found| parser.end().map(|()| found))
        .map_err(|error| BodyError::Malformed(error.to_string()))
}

/// Reads a member as a string; `null` counts as absent.
///
/// # Errors
/// [`BodyError::Malformed`] for anything else.
pub(super) fn text(value: Option<&RawValue>) -> Result<Option<String>, BodyError> {
    let Some(value) = value else {
        return Ok(None);
    };
    serde_json::from_str(value.get()).map_err(|error| BodyError::Malformed(error.to_string()))
}

struct Members<const N: usize>([&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Members<N> {
    type Value = [Option<&'de RawValue>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Members<N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let place = self.0.iter().zip(&mut found);
            let place = place
                .into_iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&key));
            let Some((name, value)) = place else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if *name != key {
                return Err(A::Error::custom(format_args!(
                    "write the member `{name}` in lower case"
                )));
            }
            if value.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_read() {
        let [n, size] = members(br#"{"size":"1x1","other":{"n":2}}"#, ["n", "size"]).expect("read");
        assert!(n.is_none(), "one of another object");
        assert_eq!(text(size).expect("a text").as_deref(), Some("1x1"));
    }

    #[test]
    fn what_two_parsers_may_read_differently_is_refused() {
        for body in [
            r#"{"n":1,"n":2}"#,
            r#"{"N":1}"#,
            r#"{"n":1,"\u006e":2}"#,
            r#"{"n":1}{}"#,
            "[]",
            "",
        ] {
            assert!(members(body.as_bytes(), ["n"]).is_err(), "{body}");
        }
    }
}
