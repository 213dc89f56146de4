//! The token counts that Azure OpenAI reports, in its two spellings.

use serde::Deserialize;

/// Tokens of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Tokens of the prompt, cached ones included.
    pub input: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
    /// The sum that the service reports.
    pub total: u64,
    /// Tokens of the prompt that the service had cached; part of `input`.
    pub cached_input: u64,
    /// Tokens that the model reasoned with; part of `output`.
    pub reasoning: u64,
}

/// `usage` as chat completions, completions and embeddings have it (`prompt_tokens`, …) or as
/// responses have it (`input_tokens`, …):
/// <https://platform.openai.com/docs/api-reference/chat/object>,
/// <https://platform.openai.com/docs/api-reference/responses/object>.
#[derive(Deserialize)]
struct WireUsage {
    #[serde(alias = "input_tokens")]
    prompt_tokens: u64,
    #[serde(alias = "output_tokens", default)]
    completion_tokens: u64,
    total_tokens: Option<u64>,
    #[serde(alias = "input_tokens_details")]
    prompt_tokens_details: Option<WireInputDetails>,
    #[serde(alias = "output_tokens_details")]
    completion_tokens_details: Option<WireOutputDetails>,
}

#[derive(Deserialize)]
struct WireInputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct WireOutputDetails {
    reasoning_tokens: Option<u64>,
}

impl TokenCounts {
    /// Reads the value of a `usage` member; `None` where it is not one (`null` in most events).
    pub fn from_wire(usage: &[u8]) -> Option<Self> {
        let wire: WireUsage = serde_json::from_slice(usage).ok()?;
        let input_details = wire.prompt_tokens_details;
        let output_details = wire.completion_tokens_details;
        Some(Self {
            input: wire.prompt_tokens,
            output: wire.completion_tokens,
            total: wire
                .total_tokens
                .unwrap_or_else(|| wire.prompt_tokens.saturating_add(wire.completion_tokens)),
            cached_input: input_details.and_then(|it| it.cached_tokens).unwrap_or(0),
            reasoning: output_details
                .and_then(|it| it.reasoning_tokens)
                .unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        let chat = br#"{"completion_tokens":11,"completion_tokens_details":{"reasoning_tokens":4},
            "prompt_tokens":23,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":16},
            "total_tokens":34}"#;
        let responses = br#"{"input_tokens":23,"input_tokens_details":{"cached_tokens":16},
            "output_tokens":11,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":34}"#;
        let expected = TokenCounts {
            input: 23,
            output: 11,
            total: 34,
            cached_input: 16,
            reasoning: 4,
        };
        assert_eq!(TokenCounts::from_wire(chat), Some(expected));
        assert_eq!(TokenCounts::from_wire(responses), Some(expected));
    }

    #[test]
    fn embeddings_have_no_output() {
        let counts = TokenCounts::from_wire(br#"{"prompt_tokens":8,"total_tokens":8}"#);
        let counts = counts.expect("usage of embeddings");
        assert_eq!((counts.input, counts.output, counts.total), (8, 0, 8));
    }

    #[test]
    fn details_may_be_null_and_what_is_no_usage_is_none() {
        let counts = TokenCounts::from_wire(
            br#"{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":null}"#,
        );
        assert_eq!(counts.expect("usage").total, 3);
        for other in [
            "null",
            "",
            "{}",
            "[]",
            r#"{"prompt_tokens":-1}"#,
            r#"{"prompt_tokens":"1"}"#,
        ] {
            assert_eq!(TokenCounts::from_wire(other.as_bytes()), None, "{other}");
        }
    }
}
