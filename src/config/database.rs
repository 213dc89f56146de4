//! Where state is kept: what is written, and what it means.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::file::SecretRef;
use super::problem::Problem;
use super::secret::read_secret;
use super::validate::Problems;
use crate::database::PostgresUrl;

/// `postgres://…`, or `{ url: postgres://…, password: … }`.
pub(super) struct Database {
    url: String,
    password: Option<SecretRef>,
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

/// The directory; the service makes it when it starts.
pub(super) fn data_directory(
    written: Option<&Spanned<PathBuf>>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let written = written?;
    let path = directory.join(&written.value);
    if written.value.as_os_str().is_empty() || path.is_file() {
        let message = format!("`{}` is no directory", written.value.display());
        problems.push(Problem::at(written.referenced, message));
    }
    Some(path)
}

pub(super) fn database(
    written: Option<&Spanned<Database>>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<PostgresUrl> {
    let written = written?;
    let mut failed = |message: String| problems.push(Problem::at(written.referenced, message));
    let password = match &written.value.password {
        None => None,
        Some(place) => Some(read_secret(place, directory).map_err(&mut failed).ok()?),
    };
    PostgresUrl::new(&written.value.url, password)
        .map_err(|error| failed(error.to_string()))
        .ok()
}
