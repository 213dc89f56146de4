//! What a request's body refers to that the service has stored: files, containers, vector stores.
//!
//! The names of these members are looked for at any depth of what the model reads, because new kinds
//! of content come with the API. Strings that a caller wrote are never members.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::BodyError;
use super::members::members;

/// Members that can refer to something: those of `input`, `messages` and `tools`.
const PLACES: [&str; 3] = ["input", "messages", "tools"];
/// Most files that one request may refer to.
const MAX_FILES: usize = 1000;

/// What a body refers to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Ids of files (`file_id`, `file_ids`).
    pub files: Vec<String>,
    /// The member that refers to something whose owner can't be checked.
    pub unsupported: Option<&'static str>,
}

impl References {
    /// Looks through a body that is known to be a JSON object.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] if it nests so deep (128 levels) that it can't be looked through;
    /// that is only tried where one of the names may stand in it.
    pub fn of(body: &[u8]) -> Result<Self, BodyError> {
        let mut found = Self::default();
        if !may_refer(body) {
            return Ok(found);
        }
        let mut walk = |value: &str| {
            let mut parser = serde_json::Deserializer::from_str(value);
            Walk {
                found: &mut found,
                member: Member::Other,
            }
            .deserialize(&mut parser)
            .map_err(|error| BodyError::Malformed(error.to_string()))
        };
        for place in members(body, PLACES)?.into_iter().flatten() {
            walk(place.get())?;
        }
        Ok(found)
    }
}

/// Whether one of the names may stand in a body, in whichever spelling: an escape can hide any.
fn may_refer(body: &[u8]) -> bool {
    static NAMES: LazyLock<[Finder<'static>; 4]> =
        LazyLock::new(|| ["file_id", "vector_store_id", "\"container\"", "\\u00"].map(Finder::new));
    let is_ascii_escape = |at: usize| matches!(body.get(at + 4), Some(b'2'..=b'7'));
    NAMES.iter().any(|name| match name.needle() {
        b"\\u00" => name.find_iter(body).any(is_ascii_escape),
        _ => name.find(body).is_some(),
    })
}

/// The member whose value is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    File,
    VectorStore,
    Container,
    Other,
}

impl Member {
    fn named(name: &str) -> Self {
        match name {
            "file_id" | "file_ids" => Self::File,
            "vector_store_id" | "vector_store_ids" => Self::VectorStore,
            "container" | "container_id" => Self::Container,
            _ => Self::Other,
        }
    }
}

struct Walk<'a> {
    found: &'a mut References,
    member: Member,
}

impl Walk<'_> {
    fn inner(&mut self, member: Member) -> Walk<'_> {
        Walk {
            found: self.found,
            member,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let member = Member::named(&name);
            map.next_value_seed(self.inner(member))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let member = self.member;
        while list.next_element_seed(self.inner(member))?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.member {
            Member::Other => {}
            Member::File if self.found.files.len() == MAX_FILES => {
                return Err(E::custom("too many files"));
            }
            Member::File => self.found.files.push(text.to_owned()),
            Member::VectorStore => self.found.unsupported = Some("vector_store_ids"),
            Member::Container => self.found.unsupported = Some("container"),
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> References {
        References::of(body.as_bytes()).expect("a body")
    }

    #[test]
    fn files_are_found_wherever_the_model_reads_them() {
        for body in [
            r#"{"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]}"#,
            r#"{"input":[{"content":[{"type":"input_image","file\u005fid":"file-1"}]}]}"#,
            r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
            r#"{"tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["file-1"]}}]}"#,
            r#"{"\u0069nput":[{"file_id":"file-1"}]}"#,
        ] {
            let found = of(body);
            assert_eq!(found.files, ["file-1"], "{body}");
            assert_eq!(found.unsupported, None, "{body}");
        }
    }

    #[test]
    fn what_has_no_owner_here_is_named() {
        let body = r#"{"tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]}"#;
        assert_eq!(of(body).unsupported, Some("vector_store_ids"));
        let body = r#"{"tools":[{"type":"code_interpreter","container":"cntr_1"}]}"#;
        assert_eq!(of(body).unsupported, Some("container"));
    }

    #[test]
    fn a_callers_text_and_schemas_are_no_references() {
        for body in [
            r#"{"input":"\"file_id\":\"file-1\""}"#,
            r#"{"tools":[{"parameters":{"properties":{"file_id":{"type":"string"}}}}]}"#,
            r#"{"metadata":{"file_id":"mine"},"input":"x"}"#,
            r#"{"input":"\u00fc\u0041"}"#,
        ] {
            assert_eq!(of(body), References::default(), "{body}");
        }
    }

    #[test]
    fn a_deep_body_is_refused_only_where_a_name_may_stand_in_it() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let plain = format!(r#"{{"input":{deep}}}"#);
        assert!(References::of(plain.as_bytes()).is_ok());
        let odd = format!(r#"{{"input":{deep},"tools":[{{"file_id":"x"}}]}}"#);
        assert!(References::of(odd.as_bytes()).is_err());
    }
}
