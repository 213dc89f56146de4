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

use super::path_error::MAX_TARGET_BYTES;
use super::query::Query;
use super::{
    ApiShape, ApiVersion, Deployment, Endpoint, ObjectKind, Operation, PathError, StoredAction,
};

/// Longest id of a stored object that is looked at; Azure's have about 60 bytes.
const MAX_ID_BYTES: usize = 128;

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
