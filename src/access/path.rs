//! The one parser of request targets: canonical, or refused.
//!
//! ```text
//! target     = path [ "/" ] [ "?" query ]
//! path       = "/openai/deployments/" deployment "/" operation     ; needs api-version
//!            | "/openai/" resource                                 ; needs api-version
//!            | "/openai/v1/" ( operation | resource )              ; the body's model names the deployment
//! operation  = "chat/completions" | "completions" | "embeddings" | "images/generations" | "images/edits"
//!            | "audio/transcriptions" | "audio/translations" | "audio/speech"
//! resource   = ( "responses" | "files" | "batches" ) [ "/" id [ "/" action ] ]
//!            | "responses/input_tokens" | "responses/compact"
//!            | "models" [ "/" model ]
//!            | "realtime"                                          ; the query names the deployment
//! deployment = 1*64( ALPHA / DIGIT / "-" / "_" / "." )             ; first and last ALPHA or DIGIT
//! ```
//!
//! A path has no `%`: none of these names needs an escape, and two spellings of one path are how a
//! decision is made about one thing and the identity used for another. A slash at the end, which some
//! clients write, is taken off before the request is passed on. Source of the shapes:
//! <https://learn.microsoft.com/azure/ai-services/openai/reference>.

use std::fmt;
use std::sync::Arc;

use super::Operation;
use super::query::Query;

/// Longest request target that is looked at, in bytes. Envoy's own limit on a header is higher.
const MAX_TARGET_BYTES: usize = 4096;
/// Longest name that Azure gives to a deployment.
const MAX_DEPLOYMENT_BYTES: usize = 64;
/// Longest id of a stored object that is looked at; Azure's have about 60 bytes.
const MAX_ID_BYTES: usize = 128;

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

/// A kind of thing that the service stores, each owned by the client that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A response.
    Response,
    /// A file: a batch's input, output or errors.
    File,
    /// A batch.
    Batch,
    /// An item of a response's output: a message, reasoning, the call of a tool. No path names it;
    /// a later request's `input` may.
    Item,
    /// A container that the code interpreter runs in. No path names it; a tool or an item may.
    Container,
}

impl ObjectKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Response,
        Self::File,
        Self::Batch,
        Self::Item,
        Self::Container,
    ];

    /// The operation that a product must allow for it.
    pub const fn operation(self) -> Operation {
        match self {
            Self::Response | Self::Item | Self::Container => Operation::Responses,
            Self::File => Operation::Files,
            Self::Batch => Operation::Batches,
        }
    }

    /// What an operation's `POST` makes that stays.
    pub const fn made_by(operation: Operation) -> Option<Self> {
        match operation {
            Operation::Responses => Some(Self::Response),
            Operation::Files => Some(Self::File),
            Operation::Batches => Some(Self::Batch),
            _ => None,
        }
    }

    /// Azure's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Response => "Response",
            Self::File => "File",
            Self::Batch => "Batch",
            Self::Item => "Item",
            Self::Container => "Container",
        }
    }
}

/// What is asked of something that the service has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAction {
    /// `GET {kind}/{id}`
    Retrieve,
    /// `DELETE {kind}/{id}`, of responses and files
    Delete,
    /// `POST {kind}/{id}/cancel`, of responses and batches
    Cancel,
    /// `GET responses/{id}/input_items`
    InputItems,
    /// `GET files/{id}/content`
    Content,
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST` of an operation; the deployment where the path names it.
    Create {
        /// The operation.
        operation: Operation,
        /// The deployment, where the path and not the body's `model` says it.
        deployment: Option<Deployment>,
    },
    /// Something asked of a stored object.
    Stored {
        /// What it is.
        kind: ObjectKind,
        /// Its id.
        id: String,
        /// What is asked.
        action: StoredAction,
    },
    /// `GET models` and `GET models/{model}`.
    Models,
    /// `GET realtime`: the upgrade to a WebSocket.
    Realtime {
        /// The deployment that the query names; a session with `intent=transcription` may name it in
        /// its messages only.
        deployment: Option<Deployment>,
    },
}

impl Endpoint {
    /// The operation that a product must allow for it.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Create { operation, .. } => *operation,
            Self::Stored { kind, .. } => kind.operation(),
            Self::Models => Operation::Models,
            Self::Realtime { .. } => Operation::Realtime,
        }
    }
}

/// A request target that was understood whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What the path means.
    pub endpoint: Endpoint,
    /// Which API shape it has.
    pub shape: ApiShape,
    /// The version that the query names.
    pub api_version: Option<ApiVersion>,
    /// The target without the slash at the end of its path, where it has one.
    pub rewritten: Option<String>,
}

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(test, derive(strum::EnumIter))]
pub enum PathError {
    /// Longer than [`MAX_TARGET_BYTES`].
    #[error("the path is too long")]
    TooLong,
    /// Empty segments, dots, escapes, or characters that no path of Azure OpenAI has.
    #[error("the path is not in canonical form")]
    NotCanonical,
    /// The query can't be read, says something twice, or lacks the deployment of a session.
    #[error("the query is malformed")]
    MalformedQuery,
    /// A key in the query string.
    #[error("a key in the query string is not accepted")]
    KeyInQuery,
    /// `api-version` is missing where the shape needs it, or is not a version.
    #[error("api-version is missing or not a version")]
    ApiVersion,
    /// A canonical path that is not one of those above.
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
        let (written, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        let path = written.strip_suffix('/').unwrap_or(written);
        check_canonical(path)?;
        let rewritten = (path.len() < written.len()).then(|| format!("{path}{query}"));
        let query = Query::parse(query.strip_prefix('?').unwrap_or_default())?;
        let rest = path.strip_prefix("/openai/").ok_or(PathError::Unknown)?;
        let (rest, shape) = match rest.strip_prefix("v1/") {
            Some(rest) => (rest, ApiShape::V1),
            None => (rest, ApiShape::Dated),
        };
        let endpoint = match (rest, shape) {
            ("realtime", _) => parse_realtime(method, &query)?,
            (_, ApiShape::V1) => parse_v1(method, rest)?,
            (_, ApiShape::Dated) => parse_dated(method, rest)?,
        };
        if shape == ApiShape::Dated && query.api_version.is_none() {
            return Err(PathError::ApiVersion);
        }
        Ok(Self {
            endpoint,
            shape,
            api_version: query.api_version,
            rewritten,
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
    match parse_resource(method, rest) {
        Some(endpoint) => endpoint,
        None => create(method, operation(rest)?, None),
    }
}

fn parse_dated(method: &str, rest: &str) -> Result<Endpoint, PathError> {
    if let Some(endpoint) = parse_resource(method, rest) {
        return endpoint;
    }
    let rest = rest
        .strip_prefix("deployments/")
        .ok_or(PathError::Unknown)?;
    let (name, rest) = rest.split_once('/').ok_or(PathError::Unknown)?;
    let deployment = Deployment::parse(name).ok_or(PathError::NotCanonical)?;
    create(method, operation(rest)?, Some(deployment))
}

/// What a deployment does.
fn operation(rest: &str) -> Result<Operation, PathError> {
    match rest {
        "chat/completions" => Ok(Operation::ChatCompletions),
        "completions" => Ok(Operation::Completions),
        "embeddings" => Ok(Operation::Embeddings),
        "images/generations" => Ok(Operation::ImagesGenerations),
        "images/edits" => Ok(Operation::ImagesEdits),
        "audio/transcriptions" => Ok(Operation::AudioTranscriptions),
        "audio/translations" => Ok(Operation::AudioTranslations),
        "audio/speech" => Ok(Operation::AudioSpeech),
        _ => Err(PathError::Unknown),
    }
}

/// What Azure has besides the deployments, in both shapes; `None` for any other path. There is no
/// list of responses, files or batches: it would show those of every client.
fn parse_resource(method: &str, rest: &str) -> Option<Result<Endpoint, PathError>> {
    let (name, item) = match rest.split_once('/') {
        Some((name, item)) => (name, Some(item)),
        None => (rest, None),
    };
    let kind = match name {
        "responses" => ObjectKind::Response,
        "files" => ObjectKind::File,
        "batches" => ObjectKind::Batch,
        "models" => return Some(parse_model(method, item)),
        _ => return None,
    };
    Some(match item {
        None => create(method, kind.operation(), None),
        Some("input_tokens") if kind == ObjectKind::Response => {
            create(method, Operation::ResponsesInputTokens, None)
        }
        Some("compact") if kind == ObjectKind::Response => {
            create(method, Operation::ResponsesCompact, None)
        }
        Some(item) => parse_stored(method, kind, item),
    })
}

fn parse_model(method: &str, item: Option<&str>) -> Result<Endpoint, PathError> {
    match (method, item) {
        (_, Some(name)) if name.contains('/') => Err(PathError::Unknown),
        ("GET", _) => Ok(Endpoint::Models),
        _ => Err(PathError::Method),
    }
}

fn parse_realtime(method: &str, query: &Query<'_>) -> Result<Endpoint, PathError> {
    if method != "GET" {
        return Err(PathError::Method);
    }
    let is_transcription = match query.intent {
        None | Some("conversation") => false,
        Some("transcription") => true,
        Some(_) => return Err(PathError::MalformedQuery),
    };
    let deployment = match query.deployment {
        Some(name) => Some(Deployment::parse(name).ok_or(PathError::MalformedQuery)?),
        None if is_transcription => None,
        None => return Err(PathError::MalformedQuery),
    };
    Ok(Endpoint::Realtime { deployment })
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

fn parse_stored(method: &str, kind: ObjectKind, rest: &str) -> Result<Endpoint, PathError> {
    let (id, action) = match rest.split_once('/') {
        Some((id, action)) => (id, Some(action)),
        None => (rest, None),
    };
    let id_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if id.len() > MAX_ID_BYTES || !id.bytes().all(id_byte) {
        return Err(PathError::NotCanonical);
    }
    let action = match (kind, action) {
        (_, None) => match method {
            "GET" => StoredAction::Retrieve,
            "DELETE" if kind != ObjectKind::Batch => StoredAction::Delete,
            _ => return Err(PathError::Method),
        },
        (ObjectKind::Response | ObjectKind::Batch, Some("cancel")) => {
            only("POST", method, StoredAction::Cancel)?
        }
        (ObjectKind::Response, Some("input_items")) => {
            only("GET", method, StoredAction::InputItems)?
        }
        (ObjectKind::File, Some("content")) => only("GET", method, StoredAction::Content)?,
        _ => return Err(PathError::Unknown),
    };
    Ok(Endpoint::Stored {
        kind,
        id: id.to_owned(),
        action,
    })
}

fn only(expected: &str, method: &str, action: StoredAction) -> Result<StoredAction, PathError> {
    match method == expected {
        true => Ok(action),
        false => Err(PathError::Method),
    }
}

#[cfg(test)]
mod tests;
