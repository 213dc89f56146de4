//! The one parser of request targets: canonical, or refused.
//!
//! ```text
//! target     = path [ "?" query ]
//! path       = "/openai/deployments/" deployment "/" operation     ; needs api-version
//!            | "/openai/responses" [ "/" id [ "/" action ] ]       ; needs api-version
//!            | "/openai/v1/" operation                             ; the body's model names the deployment
//!            | "/openai/v1/responses/" id [ "/" action ]
//! deployment = 1*64( ALPHA / DIGIT / "-" / "_" / "." )             ; first and last ALPHA or DIGIT
//! ```
//!
//! A path has no `%`: none of these names needs an escape, and two spellings of one path are how a
//! decision is made about one thing and the identity used for another. Source of the shapes:
//! <https://learn.microsoft.com/azure/ai-services/openai/reference>.

use std::fmt;
use std::sync::Arc;

use super::Operation;

/// Longest request target that is looked at, in bytes. Envoy's own limit on a header is higher.
const MAX_TARGET_BYTES: usize = 4096;
/// Longest name that Azure gives to a deployment.
const MAX_DEPLOYMENT_BYTES: usize = 64;
/// Longest id of a stored response that is looked at; Azure's have about 60 bytes.
const MAX_RESPONSE_ID_BYTES: usize = 128;
/// Query parameters in which Azure's front door, API Management, takes a key.
const KEY_PARAMETERS: [&str; 3] = ["subscription-key", "api-key", "ocp-apim-subscription-key"];

/// The name of a deployment, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deployment(Arc<str>);

impl Deployment {
    /// Takes a name as Azure allows it, and nothing else.
    pub fn parse(name: &str) -> Option<Self> {
        let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let bytes = name.as_bytes();
        let ends = [bytes.first()?, bytes.last()?];
        let valid = bytes.len() <= MAX_DEPLOYMENT_BYTES
            && bytes.iter().all(inner)
            && ends.iter().all(|byte| byte.is_ascii_alphanumeric())
            && !name.contains("..");
        valid.then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    pub fn to_shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of Azure's two API shapes the path has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiShape {
    /// `/openai/…?api-version=YYYY-MM-DD`
    Dated,
    /// `/openai/v1/…`
    V1,
}

/// A dated version of the API, such as `2024-10-21` or `2025-03-01-preview`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(String);

impl ApiVersion {
    /// Takes a date, a date with `-preview`, or one of the names that Azure gives.
    pub fn parse(value: &str) -> Option<Self> {
        let date = value.strip_suffix("-preview").unwrap_or(value);
        let shaped = date.len() == 10
            && date.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let named = matches!(value, "preview" | "latest" | "v1");
        (shaped || named).then(|| Self(value.to_owned()))
    }

    /// The version, as the query writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this version is at least as new as a date `YYYY-MM-DD`; named versions are.
    pub fn is_at_least(&self, date: &str) -> bool {
        self.0.as_str() >= date
    }
}

/// What is asked of a response that the service has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredResponse {
    /// `GET responses/{id}`
    Retrieve,
    /// `DELETE responses/{id}`
    Delete,
    /// `POST responses/{id}/cancel`
    Cancel,
    /// `GET responses/{id}/input_items`
    InputItems,
}

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST` of an operation; the deployment where the path names it.
    Create {
        /// The operation.
        operation: Operation,
        /// The deployment, where the path and not the body's `model` says it.
        deployment: Option<Deployment>,
    },
    /// Something asked of a stored response.
    Stored {
        /// Its id.
        response_id: String,
        /// What is asked.
        action: StoredResponse,
    },
}

impl Endpoint {
    /// The operation that a product must allow for it.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Create { operation, .. } => *operation,
            Self::Stored { .. } => Operation::Responses,
        }
    }
}

/// A request target that was understood whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What the path stands for.
    pub endpoint: Endpoint,
    /// Which API shape it has.
    pub shape: ApiShape,
    /// The version that the query names.
    pub api_version: Option<ApiVersion>,
}

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Longer than [`MAX_TARGET_BYTES`].
    #[error("the path is too long")]
    TooLong,
    /// Empty segments, dots, escapes, or characters that no path of Azure OpenAI has.
    #[error("the path is not in canonical form")]
    NotCanonical,
    /// The query can't be read, or says something twice.
    #[error("the query is malformed")]
    MalformedQuery,
    /// A key in the query string.
    #[error("a key in the query string is not accepted")]
    KeyInQuery,
    /// `api-version` is missing where the shape needs it, or is none.
    #[error("api-version is missing or not a version")]
    ApiVersion,
    /// A canonical path that is none of those above.
    #[error("unknown path")]
    Unknown,
    /// A known path with a method that it does not have.
    #[error("this path does not support the method")]
    Method,
}

impl Target {
    /// Reads `:method` and `:path`.
    ///
    /// # Errors
    /// [`PathError`] for everything that is not recognised to the last byte.
    pub fn parse(method: &str, target: &str) -> Result<Self, PathError> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(PathError::TooLong);
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        check_canonical(path)?;
        let api_version = parse_query(query.unwrap_or_default())?;
        let rest = path.strip_prefix("/openai/").ok_or(PathError::Unknown)?;
        let (endpoint, shape) = match rest.strip_prefix("v1/") {
            Some(rest) => (parse_v1(method, rest)?, ApiShape::V1),
            None => (parse_dated(method, rest)?, ApiShape::Dated),
        };
        if shape == ApiShape::Dated && api_version.is_none() {
            return Err(PathError::ApiVersion);
        }
        Ok(Self {
            endpoint,
            shape,
            api_version,
        })
    }
}

fn check_canonical(path: &str) -> Result<(), PathError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let rest = path.strip_prefix('/').ok_or(PathError::NotCanonical)?;
    let odd_segment = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    match path.bytes().all(plain) && !rest.split('/').any(odd_segment) {
        true => Ok(()),
        false => Err(PathError::NotCanonical),
    }
}

fn parse_v1(method: &str, rest: &str) -> Result<Endpoint, PathError> {
    if let Some(stored) = rest.strip_prefix("responses/") {
        return parse_stored(method, stored);
    }
    create(method, operation(rest)?, None)
}

fn parse_dated(method: &str, rest: &str) -> Result<Endpoint, PathError> {
    if let Some(stored) = rest.strip_prefix("responses/") {
        return parse_stored(method, stored);
    }
    if rest == "responses" {
        return create(method, Operation::Responses, None);
    }
    let rest = rest
        .strip_prefix("deployments/")
        .ok_or(PathError::Unknown)?;
    let (name, rest) = rest.split_once('/').ok_or(PathError::Unknown)?;
    let deployment = Deployment::parse(name).ok_or(PathError::NotCanonical)?;
    match operation(rest)? {
        // Azure has the responses API beside the deployments, not below them.
        Operation::Responses => Err(PathError::Unknown),
        known => create(method, known, Some(deployment)),
    }
}

fn operation(rest: &str) -> Result<Operation, PathError> {
    match rest {
        "chat/completions" => Ok(Operation::ChatCompletions),
        "completions" => Ok(Operation::Completions),
        "embeddings" => Ok(Operation::Embeddings),
        "responses" => Ok(Operation::Responses),
        _ => Err(PathError::Unknown),
    }
}

fn create(
    method: &str,
    operation: Operation,
    deployment: Option<Deployment>,
) -> Result<Endpoint, PathError> {
    match method {
        "POST" => Ok(Endpoint::Create {
            operation,
            deployment,
        }),
        _ => Err(PathError::Method),
    }
}

fn parse_stored(method: &str, rest: &str) -> Result<Endpoint, PathError> {
    let (id, action) = match rest.split_once('/') {
        Some((id, action)) => (id, Some(action)),
        None => (rest, None),
    };
    let id_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if id.len() > MAX_RESPONSE_ID_BYTES || !id.bytes().all(id_byte) {
        return Err(PathError::NotCanonical);
    }
    let action = match (method, action) {
        ("GET", None) => StoredResponse::Retrieve,
        ("DELETE", None) => StoredResponse::Delete,
        ("POST", Some("cancel")) => StoredResponse::Cancel,
        ("GET", Some("input_items")) => StoredResponse::InputItems,
        (_, None | Some("cancel" | "input_items")) => return Err(PathError::Method),
        _ => return Err(PathError::Unknown),
    };
    Ok(Endpoint::Stored {
        response_id: id.to_owned(),
        action,
    })
}

/// Reads the query for what concerns us; the rest goes to the backend as it is.
fn parse_query(query: &str) -> Result<Option<ApiVersion>, PathError> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"#?\"<>\\^`{}|".contains(&byte);
    if !query.bytes().all(plain) {
        return Err(PathError::MalformedQuery);
    }
    let mut api_version = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode(name).ok_or(PathError::MalformedQuery)?;
        if KEY_PARAMETERS
            .iter()
            .any(|key| name.eq_ignore_ascii_case(key))
        {
            return Err(PathError::KeyInQuery);
        }
        if name.eq_ignore_ascii_case("api-version") {
            if api_version.is_some() {
                return Err(PathError::MalformedQuery);
            }
            api_version = Some(ApiVersion::parse(value).ok_or(PathError::ApiVersion)?);
        }
    }
    Ok(api_version)
}

/// Decodes `%XX` and `+` in the name of a parameter, so that no spelling of it is missed.
fn percent_decode(name: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let mut value = [0];
                hex::decode_to_slice(digits, &mut value).ok()?;
                value.first().copied()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
