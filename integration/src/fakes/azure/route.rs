//! Which operation a path names. Azure has three ways to say it: the deployment in the path, the v1
//! API, and, for responses, `/openai/responses` as the AzureOpenAI SDKs call it.

use http::Method;
use serde::{Deserialize, Serialize};

/// What can be asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operation {
    /// `chat/completions`
    #[serde(rename = "chat.completions")]
    Chat,
    /// `completions`
    #[serde(rename = "completions")]
    Completions,
    /// `embeddings`
    #[serde(rename = "embeddings")]
    Embeddings,
    /// `responses`
    #[serde(rename = "responses")]
    Responses,
    /// `responses/input_tokens`
    #[serde(rename = "responses.input_tokens")]
    InputTokens,
    /// `responses/compact`
    #[serde(rename = "responses.compact")]
    Compact,
    /// `images/generations`
    #[serde(rename = "images.generations")]
    ImagesGenerations,
    /// `images/edits`
    #[serde(rename = "images.edits")]
    ImagesEdits,
    /// `audio/transcriptions`
    #[serde(rename = "audio.transcriptions")]
    Transcriptions,
    /// `audio/translations`
    #[serde(rename = "audio.translations")]
    Translations,
    /// `audio/speech`
    #[serde(rename = "audio.speech")]
    Speech,
}

impl Operation {
    fn parse(path: &str) -> Option<Self> {
        match path {
            "chat/completions" => Some(Self::Chat),
            "completions" => Some(Self::Completions),
            "embeddings" => Some(Self::Embeddings),
            "images/generations" => Some(Self::ImagesGenerations),
            "images/edits" => Some(Self::ImagesEdits),
            "audio/transcriptions" => Some(Self::Transcriptions),
            "audio/translations" => Some(Self::Translations),
            "audio/speech" => Some(Self::Speech),
            _ => None,
        }
    }

    /// The name that Azure's 429 gives to the operation.
    pub fn azure_name(self) -> &'static str {
        match self {
            Self::Chat => "ChatCompletions_Create",
            Self::Completions => "Completions_Create",
            Self::Embeddings => "Embeddings_Create",
            Self::Responses => "Responses_Create",
            Self::InputTokens => "Responses_InputTokens",
            Self::Compact => "Responses_Compact",
            Self::ImagesGenerations => "ImageGenerations_Create",
            Self::ImagesEdits => "ImageEdits_Create",
            Self::Transcriptions => "Transcriptions_Create",
            Self::Translations => "Translations_Create",
            Self::Speech => "Speech_Create",
        }
    }

    /// Whether it is about images or audio.
    pub fn is_media(self) -> bool {
        !matches!(self, Self::Chat | Self::Completions | Self::Embeddings)
            && !self.is_of_responses()
    }

    /// Whether it has the body of the Responses API.
    pub fn is_of_responses(self) -> bool {
        matches!(self, Self::Responses | Self::InputTokens | Self::Compact)
    }
}

/// What a line of a batch asks for by its `url`.
pub fn line_operation(url: &str) -> Option<Operation> {
    let path = url.trim_start_matches("/openai").trim_start_matches("/v1");
    match path.trim_start_matches('/') {
        "responses" => Some(Operation::Responses),
        path => Operation::parse(path),
    }
}

/// What is done with a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAction {
    /// `GET responses/{id}`
    Get,
    /// `DELETE responses/{id}`
    Delete,
    /// `POST responses/{id}/cancel`
    Cancel,
    /// `GET responses/{id}/input_items`
    InputItems,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An answer of a model.
    Create {
        /// What is asked of it.
        operation: Operation,
        /// The deployment in the path; without one, the body's `model` says it.
        deployment: Option<String>,
    },
    /// A response of before.
    Stored {
        /// The response's id.
        id: String,
        /// What is done with it.
        action: StoredAction,
    },
    /// The list of models: `GET models`.
    Models,
    /// One of them: `GET models/{id}`.
    Model(String),
    /// Files and batches.
    Object {
        /// Whether it is a batch and not a file.
        is_batch: bool,
        /// Its id; none makes one.
        id: Option<String>,
        /// What is done with it.
        action: ObjectAction,
    },
    /// A session over a WebSocket: `GET realtime`.
    Realtime {
        /// The deployment that the query names; a transcription names it in its messages.
        deployment: Option<String>,
    },
}

/// What is done with a file or a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectAction {
    /// `POST files`, `POST batches`
    Create,
    /// `GET …/{id}`
    Get,
    /// `DELETE files/{id}`
    Delete,
    /// `GET files/{id}/content`
    Content,
    /// `POST batches/{id}/cancel`
    Cancel,
}

/// The target of a request, or nothing: Azure's 404 "Resource not found".
pub fn parse(method: &Method, path: &str, query: &str) -> Option<Target> {
    let path = path.strip_prefix("/openai/")?;
    if path.trim_start_matches("v1/") == "realtime" {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let is_transcription = pairs
            .clone()
            .any(|pair| pair == ("intent", "transcription"));
        let deployment = pairs
            .find(|(name, _)| matches!(*name, "model" | "deployment"))
            .map(|(_, name)| name.to_owned());
        if deployment.is_none() && !is_transcription {
            return None;
        }
        return (*method == Method::GET).then_some(Target::Realtime { deployment });
    }
    if let Some(rest) = path.strip_prefix("v1/") {
        return match Operation::parse(rest) {
            Some(operation) if *method == Method::POST => Some(Target::Create {
                operation,
                deployment: None,
            }),
            Some(_) => None,
            None => without_deployment(method, rest),
        };
    }
    // Without a version these paths do not exist.
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("api-version="))
        .filter(|version| !version.is_empty())?;
    match path.strip_prefix("deployments/") {
        Some(rest) if *method == Method::POST => {
            let (deployment, operation) = rest.split_once('/')?;
            Some(Target::Create {
                operation: Operation::parse(operation)?,
                deployment: Some(deployment.to_owned()),
            })
        }
        Some(_) => None,
        None => without_deployment(method, path),
    }
}

fn without_deployment(method: &Method, path: &str) -> Option<Target> {
    if path == "models" && *method == Method::GET {
        return Some(Target::Models);
    }
    if let Some(model) = path.strip_prefix("models/") {
        return (*method == Method::GET).then(|| Target::Model(model.to_owned()));
    }
    object(method, path).or_else(|| responses(method, path))
}

fn object(method: &Method, path: &str) -> Option<Target> {
    let mut segments = path.split('/');
    let is_batch = match segments.next()? {
        "files" => false,
        "batches" => true,
        _ => return None,
    };
    let id = segments.next().map(str::to_owned);
    let action = match (method.as_str(), &id, segments.next(), is_batch) {
        ("POST", None, None, _) => ObjectAction::Create,
        ("GET", Some(_), None, _) => ObjectAction::Get,
        ("DELETE", Some(_), None, false) => ObjectAction::Delete,
        ("GET", Some(_), Some("content"), false) => ObjectAction::Content,
        ("POST", Some(_), Some("cancel"), true) => ObjectAction::Cancel,
        _ => return None,
    };
    Some(Target::Object {
        is_batch,
        id,
        action,
    })
}

fn responses(method: &Method, path: &str) -> Option<Target> {
    let rest = path.strip_prefix("responses")?;
    let made = match rest {
        "" => Some(Operation::Responses),
        "/input_tokens" => Some(Operation::InputTokens),
        "/compact" => Some(Operation::Compact),
        _ => None,
    };
    if let Some(operation) = made.filter(|_| *method == Method::POST) {
        return Some(Target::Create {
            operation,
            deployment: None,
        });
    }
    let mut segments = rest.strip_prefix('/')?.split('/');
    let id = segments.next().filter(|id| !id.is_empty())?.to_owned();
    let action = match (method.as_str(), segments.next(), segments.next()) {
        ("GET", None, None) => StoredAction::Get,
        ("DELETE", None, None) => StoredAction::Delete,
        ("POST", Some("cancel"), None) => StoredAction::Cancel,
        ("GET", Some("input_items"), None) => StoredAction::InputItems,
        _ => return None,
    };
    Some(Target::Stored { id, action })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(operation: Operation, deployment: Option<&str>) -> Option<Target> {
        let deployment = deployment.map(str::to_owned);
        Some(Target::Create {
            operation,
            deployment,
        })
    }

    #[test]
    fn each_way_to_name_an_operation_is_known() {
        let post = |path, query| parse(&Method::POST, path, query);
        let version = "api-version=2024-10-21";
        assert_eq!(
            post("/openai/deployments/gpt-4o/chat/completions", version),
            create(Operation::Chat, Some("gpt-4o"))
        );
        assert_eq!(
            post("/openai/v1/embeddings", ""),
            create(Operation::Embeddings, None)
        );
        assert_eq!(
            post("/openai/responses", version),
            create(Operation::Responses, None)
        );
        assert_eq!(
            post("/openai/v1/responses", ""),
            create(Operation::Responses, None)
        );
    }

    #[test]
    fn stored_responses_have_their_actions() {
        let stored = |method: Method, rest: &str| match parse(
            &method,
            &format!("/openai/v1/responses/resp_1{rest}"),
            "",
        ) {
            Some(Target::Stored { id, action }) if id == "resp_1" => Some(action),
            _ => None,
        };
        assert_eq!(stored(Method::GET, ""), Some(StoredAction::Get));
        assert_eq!(stored(Method::DELETE, ""), Some(StoredAction::Delete));
        assert_eq!(stored(Method::POST, "/cancel"), Some(StoredAction::Cancel));
        assert_eq!(
            stored(Method::GET, "/input_items"),
            Some(StoredAction::InputItems)
        );
        assert_eq!(stored(Method::POST, ""), None, "a POST to an id");
    }

    #[test]
    fn what_azure_does_not_have_is_not_found() {
        let post = |path, query| parse(&Method::POST, path, query);
        let path = "/openai/deployments/gpt-4o/chat/completions";
        assert_eq!(post(path, ""), None, "a path of the old API has a version");
        assert_eq!(post("/chat/completions", "api-version=1"), None);
        assert_eq!(post("/openai/v1/images/variations", ""), None);
        let responses = "/openai/deployments/gpt-4o/responses";
        assert_eq!(post(responses, "api-version=1"), None, "the body names it");
        assert_eq!(
            post("/openai/v1/responses/", ""),
            None,
            "a slash at the end"
        );
        assert_eq!(parse(&Method::GET, path, "api-version=1"), None);
    }
}
