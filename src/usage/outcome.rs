//! How an answer ended, and what else is known of it besides its tokens.

use std::sync::Arc;

/// Why the model stopped: `finish_reason` of completions, `status` and `incomplete_details.reason`
/// of responses (<https://platform.openai.com/docs/api-reference/chat/object>,
/// <https://platform.openai.com/docs/api-reference/responses/object>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It had said all.
    Stop,
    /// The maximum of tokens was reached.
    Length,
    /// The content filter cut the answer or refused the prompt.
    ContentFilter,
    /// It calls a tool.
    ToolCalls,
    /// The service failed while it answered.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// A reason that is new to us.
    Other,
}

impl FinishReason {
    /// The name in audit log, metrics and ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::ToolCalls => "tool_calls",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }

    /// Reads `finish_reason`, or `incomplete_details.reason`.
    pub fn from_wire(reason: &str) -> Self {
        match reason {
            "stop" => Self::Stop,
            "length" | "max_output_tokens" => Self::Length,
            "content_filter" => Self::ContentFilter,
            "tool_calls" | "function_call" => Self::ToolCalls,
            _ => Self::Other,
        }
    }

    /// Reads `status` of a response; `None` while it is not over, and for `incomplete`, whose
    /// reason is in `incomplete_details`.
    pub fn from_status(status: &str) -> Option<Self> {
        match status {
            "completed" => Some(Self::Stop),
            "failed" => Some(Self::Failed),
            "cancelled" => Some(Self::Cancelled),
            _ => None,
        }
    }
}

/// What is known of an answer besides its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why the model stopped; of several choices the filter's, or else the first.
    pub finish_reason: Option<FinishReason>,
    /// The content filter cut the answer or refused the prompt.
    pub filtered: bool,
    /// The version of the backend's configuration, as it names it.
    pub system_fingerprint: Option<Arc<str>>,
    /// How often Envoy tried; 1 where it does not say.
    pub attempts: u32,
    /// Bytes of the request's body, as the client sent it.
    pub request_bytes: u64,
    /// Bytes of the answer's body that came from the backend; `None` where the body is not read
    /// and its length not announced.
    pub response_bytes: Option<u64>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            finish_reason: None,
            filtered: false,
            system_fingerprint: None,
            attempts: 1,
            request_bytes: 0,
            response_bytes: None,
        }
    }
}
