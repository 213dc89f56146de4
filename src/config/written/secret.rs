//! Where a secret is.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};

/// Where a secret is; never the secret itself.
pub(in crate::config) struct SecretRef {
    pub(in crate::config) env: Option<String>,
    pub(in crate::config) file: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for SecretRef {
    /// If the secret itself is written here, the error must not repeat it.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct EnvOrFile {
            env: Option<String>,
            file: Option<PathBuf>,
        }
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

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretRef, A::Error> {
                let EnvOrFile { env, file } =
                    EnvOrFile::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SecretRef { env, file })
            }
        }

        deserializer.deserialize_any(EnvOrFileVisitor)
    }
}
