//! `database`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};

use super::secret::SecretRef;

/// `postgres://…`, or `{ url: postgres://…, password: … }`.
pub(in crate::config) struct Database {
    pub(in crate::config) url: String,
    pub(in crate::config) password: Option<SecretRef>,
}

impl JsonSchema for Database {
    fn schema_name() -> Cow<'static, str> {
        "Database".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let password = generator.subschema_for::<SecretRef>();
        json_schema!({
            "description": "`postgres://USER@HOST:5432/DATABASE`, and where the password is.",
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "url": { "type": "string" }, "password": password },
                    "required": ["url"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parts {
            url: String,
            password: Option<SecretRef>,
        }
        struct DatabaseVisitor;

        impl<'de> Visitor<'de> for DatabaseVisitor {
            type Value = Database;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`postgres://USER@HOST:5432/DATABASE` or `{ url: …, password: … }`")
            }

            fn visit_str<E: serde::de::Error>(self, url: &str) -> Result<Database, E> {
                Ok(Database {
                    url: url.to_owned(),
                    password: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Database, A::Error> {
                let Parts { url, password } = Parts::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Database { url, password })
            }
        }

        deserializer.deserialize_any(DatabaseVisitor)
    }
}
