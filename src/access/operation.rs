//! The operations of Azure OpenAI that tollgate knows how to authorise and to count.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An Azure OpenAI API, by the name that configuration, metrics and the audit log use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum Operation {
    /// `chat/completions`
    #[serde(rename = "chat.completions")]
    ChatCompletions,
    /// `completions`
    #[serde(rename = "completions")]
    Completions,
    /// `embeddings`
    #[serde(rename = "embeddings")]
    Embeddings,
    /// `responses`, with retrieval, deletion, cancellation and input items of a stored response
    #[serde(rename = "responses")]
    Responses,
}

impl Operation {
    /// Every operation, in the order in which messages list them.
    pub const ALL: [Self; 4] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
    ];

    /// The name in configuration, audit log and metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat.completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
        }
    }

    /// The value of OpenTelemetry's `gen_ai.operation.name` that fits this operation
    /// (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>).
    pub const fn gen_ai_name(self) -> &'static str {
        match self {
            Self::ChatCompletions | Self::Responses => "chat",
            Self::Completions => "text_completion",
            Self::Embeddings => "embeddings",
        }
    }

    /// Whether a stream of it carries usage only when `stream_options.include_usage` asks for it.
    pub const fn usage_must_be_asked_for(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
