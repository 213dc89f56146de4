//! `clients`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};

use super::credentials::Credential;
use super::limits::{Limits, Priority};
use super::text::TextOrNumber;
use crate::config::spanned::Spanned;

/// Who may call.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Client {
    /// Its name in metrics, logs and reports: letters, digits, `-`, `_` and `.`, at most 64.
    pub(in crate::config) id: Spanned<String>,
    /// How it is recognised: keys, tokens of issuers, certificates.
    pub(in crate::config) credentials: Spanned<Vec<Credential>>,
    /// The ids of its products; the first that allows a request is taken.
    pub(in crate::config) products: Spanned<Vec<Spanned<String>>>,
    /// What its usage is charged under, such as `{ team: search }`; at most 8.
    #[schemars(with = "Option<BTreeMap<String, TextOrNumber>>")]
    pub(in crate::config) labels: Option<Spanned<BTreeMap<String, String>>>,
    /// Where it names the end user.
    pub(in crate::config) user_from: Option<Spanned<UserFrom>>,
    /// The most output tokens that one request may ask for.
    #[schemars(range(min = 1, max = 4294967295_u32))]
    pub(in crate::config) max_output_tokens: Option<Spanned<u32>>,
    /// The versions of the API that it may use: dates, and `v1` for `/openai/v1/`.
    pub(in crate::config) api_versions: Option<Spanned<Vec<Spanned<String>>>>,
    /// How much it, and each of its users, may use.
    pub(in crate::config) limits: Option<Limits>,
    /// Who comes first where a limit is shared; `normal` if absent.
    pub(in crate::config) priority: Option<Spanned<Priority>>,
}

/// Where a client names the end user.
pub(in crate::config) enum UserFrom {
    Header(String),
    Body,
}

impl JsonSchema for UserFrom {
    fn schema_name() -> Cow<'static, str> {
        "UserFrom".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where a client names the end user.",
            "oneOf": [
                { "const": "body", "description": "In the body's `user`, which the backend sees, too." },
                {
                    "type": "object",
                    "description": "In this header, which does not reach the backend.",
                    "properties": { "header": { "type": "string" } },
                    "required": ["header"],
                    "additionalProperties": false
                }
            ]
        })
    }
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
