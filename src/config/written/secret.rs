//! Where a secret is.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

/// Where a secret is; never the secret itself.
pub(in crate::config) struct SecretRef {
    pub(in crate::config) env: Option<String>,
    pub(in crate::config) file: Option<PathBuf>,
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where a secret is; never the secret itself.",
            "type": "object",
            "properties": {
                "env": { "type": "string", "description": "The name of an environment variable." },
                "file": { "type": "string", "description": "The path of a file." }
            },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false
        })
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    /// If the secret itself is written here, the error must not repeat it.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvOrFileVisitor;

        impl<'de> Visitor<'de> for EnvOrFileVisitor {
            type Value = SecretRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`{ env: NAME }` or `{ file: PATH }`")
            }

            fn visit_str<E: serde::de::Error>(self, _secret: &str) -> Result<SecretRef, E> {
                Err(E::custom(
                    "write where the secret is, `{ env: NAME }` or `{ file: PATH }`, not the secret",
                ))
            }

            /// As derived, but without the names of members that do not belong here.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
                let (mut env, mut file) = (None, None);
                while let Some(name) = map.next_key::<String>()? {
                    match &*name {
                        "env" => env = map.next_value()?,
                        "file" => file = map.next_value()?,
                        _ => {
                            return Err(serde::de::Error::custom(
                                "a secret is read from `env` or from `file`: there are no other members here",
                            ));
                        }
                    }
                }
                Ok(SecretRef { env, file })
            }
        }

        deserializer.deserialize_any(EnvOrFileVisitor)
    }
}
