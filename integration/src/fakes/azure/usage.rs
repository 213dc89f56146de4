//! `usage`, in the three shapes that the operations have.

use super::ledger::Tokens;
use serde::Serialize;

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct CompletionDetails {
    accepted_prediction_tokens: u64,
    audio_tokens: u64,
    reasoning_tokens: u64,
    rejected_prediction_tokens: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct PromptDetails {
    audio_tokens: u64,
    cached_tokens: u64,
}

/// Of chat and of completions.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ChatUsage {
    completion_tokens: u64,
    completion_tokens_details: CompletionDetails,
    prompt_tokens: u64,
    prompt_tokens_details: PromptDetails,
    total_tokens: u64,
}

impl From<Tokens> for ChatUsage {
    fn from(tokens: Tokens) -> Self {
        Self {
            completion_tokens: tokens.completion,
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: tokens.reasoning,
                audio_tokens: tokens.audio_completion,
                accepted_prediction_tokens: tokens.accepted_prediction,
                rejected_prediction_tokens: tokens.rejected_prediction,
            },
            prompt_tokens: tokens.prompt,
            prompt_tokens_details: PromptDetails {
                cached_tokens: tokens.cached,
                audio_tokens: tokens.audio_prompt,
            },
            total_tokens: tokens.prompt + tokens.completion,
        }
    }
}

/// Of embeddings.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct EmbeddingsUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

impl From<Tokens> for EmbeddingsUsage {
    fn from(tokens: Tokens) -> Self {
        Self {
            prompt_tokens: tokens.prompt,
            total_tokens: tokens.prompt,
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
struct InputDetails {
    cached_tokens: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

/// Of a response.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ResponseUsage {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

impl From<Tokens> for ResponseUsage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input_tokens: tokens.prompt,
            input_tokens_details: InputDetails {
                cached_tokens: tokens.cached,
            },
            output_tokens: tokens.completion,
            output_tokens_details: OutputDetails {
                reasoning_tokens: tokens.reasoning,
            },
            total_tokens: tokens.prompt + tokens.completion,
        }
    }
}
