//! Where the trust anchors of an authority are.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};

use crate::config::spanned::Spanned;

/// Where trust anchors are.
pub(in crate::config) enum Trust {
    /// A PEM file, or a directory of them.
    File(PathBuf),
    /// An object of a vault.
    KeyVault(Box<KeyVault>),
}

impl JsonSchema for Trust {
    fn schema_name() -> Cow<'static, str> {
        "Trust".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let vault = generator.subschema_for::<KeyVault>();
        json_schema!({
            "description": "Where trust anchors are.",
            "oneOf": [
                { "type": "string", "description": "A PEM file, or a folder of them." },
                {
                    "type": "object",
                    "properties": { "key_vault": vault },
                    "required": ["key_vault"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl<'de> Deserialize<'de> for Trust {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Elsewhere {
            key_vault: Box<KeyVault>,
        }
        struct TrustVisitor;

        impl<'de> Visitor<'de> for TrustVisitor {
            type Value = Trust;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file, or `{ key_vault: { vault: …, certificate: … } }`")
            }

            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Trust, E> {
                Ok(Trust::File(path.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Trust, A::Error> {
                let read = Elsewhere::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Trust::KeyVault(read.key_vault))
            }
        }

        deserializer.deserialize_any(TrustVisitor)
    }
}

/// An object of Azure Key Vault: exactly one of `certificate` and `secret`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct KeyVault {
    /// The vault, `https://NAME.vault.azure.net`.
    pub(in crate::config) vault: Spanned<String>,
    /// The name of a certificate.
    pub(in crate::config) certificate: Option<Spanned<String>>,
    /// The name of a secret with certificates in PEM.
    pub(in crate::config) secret: Option<Spanned<String>>,
    /// How often the vault is asked, such as `1h`, the default.
    pub(in crate::config) refresh: Option<Spanned<String>>,
    /// Hosts, as `name` or `name:port`, besides those of Azure's own domains.
    #[serde(default)]
    pub(in crate::config) allow_hosts: Vec<String>,
    /// A PEM file of the authorities that the vault's TLS is checked with; the system's if absent.
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
}
