//! `clients`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde_saphyr::Spanned;

use super::credentials::Credential;
use super::limits::{Limits, Priority};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Client {
    pub(in crate::config) id: Spanned<String>,
    pub(in crate::config) credentials: Spanned<Vec<Credential>>,
    pub(in crate::config) products: Spanned<Vec<Spanned<String>>>,
    pub(in crate::config) labels: Option<Spanned<BTreeMap<String, String>>>,
    pub(in crate::config) user_from: Option<Spanned<UserFrom>>,
    pub(in crate::config) max_output_tokens: Option<Spanned<u32>>,
    pub(in crate::config) api_versions: Option<Spanned<Vec<Spanned<String>>>>,
    pub(in crate::config) limits: Option<Limits>,
    pub(in crate::config) priority: Option<Spanned<Priority>>,
}

/// Where a client names the end user.
pub(in crate::config) enum UserFrom {
    Header(String),
    Body,
}

impl<'de> Deserialize<'de> for UserFrom {
    /// As derived, but with a message that says both forms.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct HeaderName {
            header: String,
        }
        struct HeaderNameVisitor;

        impl<'de> Visitor<'de> for HeaderNameVisitor {
            type Value = UserFrom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`body` or `{ header: NAME }`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<UserFrom, E> {
                match text {
                    "body" => Ok(UserFrom::Body),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UserFrom, A::Error> {
                let HeaderName { header } =
                    HeaderName::deserialize(MapAccessDeserializer::new(map))?;
                Ok(UserFrom::Header(header))
            }
        }

        deserializer.deserialize_any(HeaderNameVisitor)
    }
}
