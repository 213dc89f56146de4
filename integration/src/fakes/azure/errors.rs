//! Azure OpenAI's errors, word for word as they were recorded.

use super::deployment::{Exceeded, Throttle};
use super::guard::Refusal;
use super::route::Operation;
use crate::fakes::body::ReplyBody;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;
use std::time::Duration;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What `status-429` and `status-503` say when the script does not.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// 401: a key, and not a good one.
    InvalidKey,
    /// 401: no token, or not a good one.
    InvalidToken,
    /// 401: the identity has no role here.
    RoleMissing,
    /// 403: keys are switched off (`disableLocalAuth`).
    KeysDisabled,
    /// 404: no such path.
    NotFound,
    /// 404: no such deployment.
    DeploymentNotFound,
    /// 400: the model can't do that.
    OperationNotSupported(Operation, String),
    /// 429.
    Throttled {
        /// What was asked.
        operation: Operation,
        /// The request's api-version; empty on the v1 API.
        api_version: String,
        /// Which limit, and for how long.
        throttle: Throttle,
        /// Provisioned throughput says it in milliseconds too.
        in_milliseconds: bool,
    },
    /// 400: the content filter does not like the prompt.
    PromptFiltered,
    /// 400: the request makes no sense.
    Invalid {
        /// What is wrong.
        message: String,
        /// With which parameter.
        param: Option<&'static str>,
        /// A name for it.
        code: Option<&'static str>,
    },
    /// 404: no response of this id.
    ResponseNotFound(String),
    /// 404: no item of this id, in an input.
    ItemNotFound(String),
    /// Any other status.
    Status(u16, Option<Duration>),
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Key => Self::InvalidKey,
            Refusal::KeysDisabled => Self::KeysDisabled,
            Refusal::Token => Self::InvalidToken,
            Refusal::Role => Self::RoleMissing,
        }
    }
}

impl ApiError {
    /// A 400 about the request's body.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.into(),
            param: None,
            code: None,
        }
    }

    /// The error that Azure has for a status.
    pub fn of_status(status: u16, operation: Operation, retry_after: Option<Duration>) -> Self {
        match status {
            401 => Self::InvalidToken,
            403 => Self::KeysDisabled,
            404 => Self::DeploymentNotFound,
            429 => Self::Throttled {
                operation,
                api_version: String::new(),
                throttle: Throttle {
                    exceeded: Exceeded::Tokens,
                    retry_after: retry_after.unwrap_or(DEFAULT_RETRY_AFTER),
                },
                in_milliseconds: retry_after.is_some(),
            },
            _ => Self::Status(status, retry_after),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidKey | Self::InvalidToken | Self::RoleMissing => StatusCode::UNAUTHORIZED,
            Self::KeysDisabled => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::DeploymentNotFound
            | Self::ResponseNotFound(_)
            | Self::ItemNotFound(_) => StatusCode::NOT_FOUND,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::OperationNotSupported(..) | Self::PromptFiltered | Self::Invalid { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::Status(status, _) => {
                StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// The body.
    pub fn body(&self) -> String {
        match self {
            Self::InvalidKey => coded("401", "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."),
            // API Management writes this one, and has a form of its own.
            Self::InvalidToken => r#"{ "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired." }"#.to_owned(),
            Self::RoleMissing => coded("PermissionDenied", "The principal `00000000-0000-0000-0000-000000000000` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai/deployments/{deployment-id}/chat/completions` operation."),
            Self::KeysDisabled => coded("AuthenticationTypeDisabled", "Key based authentication is disabled for this resource."),
            Self::NotFound => coded("404", "Resource not found"),
            Self::DeploymentNotFound => coded("DeploymentNotFound", "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."),
            Self::OperationNotSupported(operation, model) => coded("OperationNotSupported", &format!("The {} operation does not work with the specified model, {model}. Please choose different model and try again. You can learn more about which models can be used with each operation here: https://go.microsoft.com/fwlink/?linkid=2197993.", azure_verb(*operation))),
            Self::Throttled { operation, api_version, throttle, .. } => coded("429", &throttled(*operation, api_version, *throttle)),
            Self::PromptFiltered => PROMPT_FILTERED.to_owned(),
            Self::Invalid { message, param, code } => json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}).to_string(),
            Self::ResponseNotFound(id) => json!({"error": {"message": format!("Response with id '{id}' not found."), "type": "invalid_request_error", "param": null, "code": null}}).to_string(),
            Self::ItemNotFound(id) => json!({"error": {"message": format!("Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input."), "type": "invalid_request_error", "param": "input", "code": null}}).to_string(),
            Self::Status(500, _) => coded("InternalServerError", "Backend returned unexpected response. Please contact Microsoft for help."),
            Self::Status(408, _) => coded("Timeout", "The operation was timeout."),
            Self::Status(503, _) => coded("ServiceUnavailable", "The service is temporarily unable to process your request. Please try again later."),
            Self::Status(status, _) => coded(&status.to_string(), "The server had an error while processing your request. Sorry about that!"),
        }
    }

    /// The whole answer.
    pub fn response(&self) -> Response<ReplyBody> {
        let mut response = Response::new(ReplyBody::whole(self.body()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        if let Some((delay, in_milliseconds)) = self.retry_after() {
            let seconds = delay.as_millis().div_ceil(1000);
            headers.insert(header::RETRY_AFTER, number(seconds));
            if in_milliseconds {
                headers.insert("retry-after-ms", number(delay.as_millis()));
            }
        }
        response
    }

    fn retry_after(&self) -> Option<(Duration, bool)> {
        match self {
            Self::Throttled {
                throttle,
                in_milliseconds,
                ..
            } => Some((throttle.retry_after, *in_milliseconds)),
            Self::Status(_, delay) => delay.map(|delay| (delay, true)),
            _ => None,
        }
    }
}

/// The number as a header.
pub(super) fn number(number: u128) -> HeaderValue {
    HeaderValue::from_str(&number.to_string()).expect("digits are a header's value")
}

const PROMPT_FILTERED: &str = r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"filtered":true,"detected":true},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}}}"#;

fn coded(code: &str, message: &str) -> String {
    json!({"error": {"code": code, "message": message}}).to_string()
}

fn throttled(operation: Operation, api_version: &str, throttle: Throttle) -> String {
    let limit = match throttle.exceeded {
        Exceeded::Requests => "call",
        Exceeded::Tokens => "token",
    };
    let seconds = throttle.retry_after.as_millis().div_ceil(1000);
    let operation = operation.azure_name();
    format!(
        "Requests to the {operation} Operation under Azure OpenAI API version {api_version} have exceeded {limit} rate limit of your current OpenAI S0 pricing tier. Please retry after {seconds} seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."
    )
}

fn azure_verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "chatCompletion",
        Operation::Completions => "completion",
        Operation::Embeddings => "embeddings",
        Operation::Responses => "responses",
        Operation::InputTokens => "responsesInputTokens",
        Operation::Compact => "responsesCompact",
        Operation::ImagesGenerations => "imageGenerations",
        Operation::ImagesEdits => "imageEdits",
        Operation::Transcriptions => "audioTranscriptions",
        Operation::Translations => "audioTranslations",
        Operation::Speech => "audioSpeech",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: &ApiError) -> serde_json::Value {
        serde_json::from_str(&error.body()).expect("JSON")
    }

    #[test]
    fn a_429_says_when_to_try_again_in_its_headers_and_its_text() {
        let error = ApiError::Throttled {
            operation: Operation::Chat,
            api_version: "2024-10-21".to_owned(),
            throttle: Throttle {
                exceeded: Exceeded::Tokens,
                retry_after: Duration::from_millis(37_001),
            },
            in_milliseconds: true,
        };
        let response = error.response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "38", "rounded up");
        assert_eq!(response.headers()["retry-after-ms"], "37001");
        let message = body(&error)["error"]["message"].to_string();
        assert!(
            message.contains("Please retry after 38 seconds"),
            "{message}"
        );
    }

    #[test]
    fn each_error_is_json_with_its_status() {
        let cases = [
            (ApiError::InvalidKey, 401),
            (ApiError::InvalidToken, 401),
            (ApiError::RoleMissing, 401),
            (ApiError::KeysDisabled, 403),
            (ApiError::NotFound, 404),
            (ApiError::DeploymentNotFound, 404),
            (ApiError::PromptFiltered, 400),
            (ApiError::invalid("no"), 400),
            (ApiError::ResponseNotFound("resp_1".to_owned()), 404),
            (ApiError::ItemNotFound("msg_1".to_owned()), 404),
            (ApiError::Status(503, None), 503),
        ];
        for (error, status) in cases {
            assert_eq!(error.status().as_u16(), status, "{error:?}");
            assert!(body(&error).is_object(), "{error:?}");
        }
        assert_eq!(body(&ApiError::PromptFiltered)["error"]["status"], 400);
        assert_eq!(
            body(&ApiError::DeploymentNotFound)["error"]["code"],
            "DeploymentNotFound"
        );
    }
}
