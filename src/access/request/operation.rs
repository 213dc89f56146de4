//! The operations of Azure OpenAI that tollgate knows how to authorise and to count.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An Azure OpenAI API, by the name that configuration, metrics and the audit log use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema, Serialize)]
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
    /// `responses/input_tokens`: how many tokens an input has
    #[serde(rename = "responses.input_tokens")]
    ResponsesInputTokens,
    /// `responses/compact`: a conversation made shorter
    #[serde(rename = "responses.compact")]
    ResponsesCompact,
    /// `images/generations`
    #[serde(rename = "images.generations")]
    ImagesGenerations,
    /// `images/edits`
    #[serde(rename = "images.edits")]
    ImagesEdits,
    /// `audio/transcriptions`
    #[serde(rename = "audio.transcriptions")]
    AudioTranscriptions,
    /// `audio/translations`
    #[serde(rename = "audio.translations")]
    AudioTranslations,
    /// `audio/speech`
    #[serde(rename = "audio.speech")]
    AudioSpeech,
    /// `models`: the list, and one of them
    #[serde(rename = "models")]
    Models,
    /// `files`: the input of batches, with retrieval, content and deletion
    #[serde(rename = "files")]
    Files,
    /// `batches`, with retrieval and cancellation
    #[serde(rename = "batches")]
    Batches,
    /// `realtime`: a session over a WebSocket
    #[serde(rename = "realtime")]
    Realtime,
}

/// What the body of an operation's `POST` is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json`
    Json,
    /// `multipart/form-data` (RFC 7578)
    Form,
}

impl Operation {
    /// Whether what it makes or asks about is stored at the service, so that it must go where that is.
    pub const fn is_stored(self) -> bool {
        matches!(
            self,
            Self::Responses
                | Self::ResponsesInputTokens
                | Self::ResponsesCompact
                | Self::Files
                | Self::Batches
        )
    }

    /// Every operation, in the order in which messages list them.
    pub const ALL: [Self; 15] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
        Self::ResponsesInputTokens,
        Self::ResponsesCompact,
        Self::ImagesGenerations,
        Self::ImagesEdits,
        Self::AudioTranscriptions,
        Self::AudioTranslations,
        Self::AudioSpeech,
        Self::Models,
        Self::Files,
        Self::Batches,
        Self::Realtime,
    ];

    /// The name in configuration, audit log and metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat.completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
            Self::ResponsesInputTokens => "responses.input_tokens",
            Self::ResponsesCompact => "responses.compact",
            Self::ImagesGenerations => "images.generations",
            Self::ImagesEdits => "images.edits",
            Self::AudioTranscriptions => "audio.transcriptions",
            Self::AudioTranslations => "audio.translations",
            Self::AudioSpeech => "audio.speech",
            Self::Models => "models",
            Self::Files => "files",
            Self::Batches => "batches",
            Self::Realtime => "realtime",
        }
    }

    /// The value of OpenTelemetry's `gen_ai.operation.name` for this operation
    /// (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>); our own name where the
    /// conventions have none.
    pub const fn gen_ai_name(self) -> &'static str {
        match self {
            Self::ChatCompletions | Self::Responses | Self::ResponsesCompact => "chat",
            Self::Completions => "text_completion",
            Self::Embeddings => "embeddings",
            Self::ImagesGenerations | Self::ImagesEdits => "generate_content",
            Self::AudioTranscriptions
            | Self::AudioTranslations
            | Self::AudioSpeech
            | Self::ResponsesInputTokens
            | Self::Models
            | Self::Files
            | Self::Batches
            | Self::Realtime => self.as_str(),
        }
    }

    /// What the body of its `POST` is written in.
    pub const fn body_kind(self) -> BodyKind {
        match self {
            Self::ImagesEdits
            | Self::AudioTranscriptions
            | Self::AudioTranslations
            | Self::Files => BodyKind::Form,
            _ => BodyKind::Json,
        }
    }

    /// Whether a model answers it with text.
    pub const fn answers_with_text(self) -> bool {
        matches!(
            self,
            Self::ChatCompletions | Self::Completions | Self::Responses | Self::ResponsesCompact
        )
    }

    /// Whether each of its answers costs tokens that the service reports, or that can be estimated.
    pub const fn always_has_tokens(self) -> bool {
        matches!(
            self,
            Self::ChatCompletions
                | Self::Completions
                | Self::Embeddings
                | Self::Responses
                | Self::ResponsesCompact
        )
    }

    /// The operation that a product lists to allow this one: `responses` brings with it what counts and
    /// shortens the same inputs.
    pub const fn allowed_by(self) -> Self {
        match self {
            Self::ResponsesInputTokens | Self::ResponsesCompact => Self::Responses,
            other => other,
        }
    }

    /// Whether its body is one of the responses API.
    pub const fn has_response_body(self) -> bool {
        matches!(
            self,
            Self::Responses | Self::ResponsesInputTokens | Self::ResponsesCompact
        )
    }

    /// Whether it makes images.
    pub const fn makes_images(self) -> bool {
        matches!(self, Self::ImagesGenerations | Self::ImagesEdits)
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
