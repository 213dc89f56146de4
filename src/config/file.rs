//! The file as it is written: shapes and spellings, no meaning.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Unexpected, Visitor};
use serde_saphyr::Spanned;

use super::ConfigError;
use super::authorities::Authority;
use super::database::Database;
use super::hours::Hours;
use super::identities::Certificate;
use super::issuers;
use super::ledger::Ledger;
use super::prices::Price;
use super::problem::Problem;
use super::uses;
use crate::access::Operation;
use crate::auth::{KeySlot, KeyState};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) listen: Listen,
    pub(super) identity: Spanned<Identity>,
    #[serde(default)]
    pub(super) certificate_authorities: Vec<Authority>,
    #[serde(default)]
    pub(super) issuers: Vec<issuers::Issuer>,
    #[serde(default)]
    pub(super) clients: Vec<Client>,
    #[serde(default)]
    pub(super) products: Vec<Product>,
    pub(super) backends: Spanned<Vec<Backend>>,
    pub(super) ledger: Option<Spanned<Ledger>>,
    #[serde(default)]
    pub(super) prices: Vec<Spanned<Price>>,
    pub(super) drain_timeout: Option<Spanned<String>>,
    pub(super) max_request_bytes: Option<Spanned<usize>>,
    pub(super) max_audio_request_bytes: Option<Spanned<usize>>,
    pub(super) data_directory: Option<Spanned<PathBuf>>,
    pub(super) database: Option<Spanned<Database>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    pub(super) grpc: Spanned<String>,
    pub(super) admin: Spanned<String>,
    pub(super) control: Option<Spanned<String>>,
    pub(super) client_certificates: Option<Spanned<ClientCertificates>>,
}

/// How the certificate of a connection reaches us.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientCertificates {
    /// Envoy writes `x-forwarded-client-cert` itself, whatever the client has sent.
    Xfcc,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) managed_identity: Option<Spanned<ManagedIdentity>>,
    pub(super) workload_identity: Option<WorkloadIdentity>,
    pub(super) client_secret: Option<ClientSecret>,
    pub(super) scope: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManagedIdentity {
    pub(super) client_id: Option<String>,
    pub(super) object_id: Option<String>,
    pub(super) resource_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkloadIdentity {
    pub(super) tenant_id: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) token_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientSecret {
    pub(super) tenant_id: Spanned<String>,
    pub(super) client_id: Spanned<String>,
    pub(super) secret: Spanned<SecretRef>,
}

/// Where a secret is; never the secret itself.
pub(super) struct SecretRef {
    pub(super) env: Option<String>,
    pub(super) file: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for SecretRef {
    /// A secret that is written here all the same must not be repeated in the error.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Place {
            env: Option<String>,
            file: Option<PathBuf>,
        }
        struct PlaceVisitor;

        impl<'de> Visitor<'de> for PlaceVisitor {
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
                let Place { env, file } = Place::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SecretRef { env, file })
            }
        }

        deserializer.deserialize_any(PlaceVisitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Client {
    pub(super) id: Spanned<String>,
    pub(super) credentials: Spanned<Vec<Credential>>,
    pub(super) products: Spanned<Vec<Spanned<String>>>,
    pub(super) labels: Option<Spanned<BTreeMap<String, String>>>,
    pub(super) user_from: Option<Spanned<UserFrom>>,
    pub(super) max_output_tokens: Option<Spanned<u32>>,
    pub(super) api_versions: Option<Spanned<Vec<Spanned<String>>>>,
}

/// Where a client names the end user.
pub(super) enum UserFrom {
    Header(String),
    Body,
}

impl<'de> Deserialize<'de> for UserFrom {
    /// As derived, but with a message that says both forms.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Place {
            header: String,
        }
        struct PlaceVisitor;

        impl<'de> Visitor<'de> for PlaceVisitor {
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
                let Place { header } = Place::deserialize(MapAccessDeserializer::new(map))?;
                Ok(UserFrom::Header(header))
            }
        }

        deserializer.deserialize_any(PlaceVisitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    pub(super) key: Option<Key>,
    /// Boxed, as the next one: a hundred thousand clients may have keys only.
    pub(super) certificate: Option<Box<Spanned<Certificate>>>,
    pub(super) token: Option<Box<Spanned<issuers::TokenCredential>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) sha256: Spanned<String>,
    pub(super) slot: Spanned<KeySlot>,
    pub(super) not_before: Option<Spanned<String>>,
    pub(super) not_after: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) state: KeyState,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Product {
    pub(super) id: Spanned<String>,
    pub(super) deployments: Spanned<Vec<Spanned<String>>>,
    pub(super) operations: Spanned<Vec<Spanned<Operation>>>,
    #[serde(default)]
    pub(super) requires: issuers::Requires,
    #[serde(default)]
    pub(super) operation_requires: HashMap<Operation, Spanned<issuers::Requires>>,
    pub(super) networks: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) hours: Option<Spanned<Hours>>,
    #[serde(default)]
    pub(super) strict_model: bool,
    #[serde(default)]
    pub(super) tools: Vec<Spanned<uses::Tool>>,
    #[serde(default)]
    pub(super) data_sources: Vec<uses::WrittenDataSource>,
    #[serde(default)]
    pub(super) background: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backend {
    pub(super) name: Spanned<String>,
}

/// Most values in a file. One client with a key has about 15; the parser's own limit ends at some
/// 15,000 clients. Its limits on aliases, which can make much of little, stay.
const MAX_NODES: usize = 10_000_000;
/// Most of the parser's events: a value has two at most, its begin and its end.
const MAX_EVENTS: usize = 2 * MAX_NODES;

/// Reads the shapes: of a whole [`File`], or of the part that is wanted. The parser stops at its first
/// error.
pub(super) fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES, max_events: MAX_EVENTS },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.without_snippet().to_string();
        let problem = match error.location() {
            Some(at) => Problem::at(at, strip_location(&message)),
            None => Problem::new(message),
        };
        ConfigError::new(name, text, vec![problem])
    })
}

/// The parser ends its messages with a place of its own; ours stands in front.
fn strip_location(message: &str) -> String {
    let end = message
        .rfind(" at line ")
        .or_else(|| message.rfind("at line "));
    message
        .get(..end.unwrap_or(message.len()))
        .unwrap_or(message)
        .trim()
        .to_owned()
}
