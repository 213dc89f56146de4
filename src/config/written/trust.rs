//! Where the trust anchors of an authority are.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde_saphyr::Spanned;

/// Where trust anchors are.
pub(in crate::config) enum Trust {
    /// A PEM file, or a directory of them.
    File(PathBuf),
    /// An object of a vault.
    KeyVault(Box<KeyVault>),
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct KeyVault {
    pub(in crate::config) vault: Spanned<String>,
    pub(in crate::config) certificate: Option<Spanned<String>>,
    pub(in crate::config) secret: Option<Spanned<String>>,
    pub(in crate::config) refresh: Option<Spanned<String>>,
    /// Hosts, as `name` or `name:port`, beside those of Azure's own domains.
    #[serde(default)]
    pub(in crate::config) allow_hosts: Vec<String>,
    pub(in crate::config) ca_file: Option<Spanned<PathBuf>>,
}
