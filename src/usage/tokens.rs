//! The token counts that Azure OpenAI reports, in its spellings.

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
    /// Tokens of audio in the prompt; part of `input`.
    pub audio_input: u64,
    /// Tokens of audio in the answer; part of `output`.
    pub audio_output: u64,
    /// Tokens of images in the prompt, where the service tells them apart; part of `input`.
    pub image_input: u64,
    /// Tokens of a predicted output that the model took over; part of `output`.
    pub accepted_prediction: u64,
    /// Tokens of a predicted output that it did not take over and that are billed all the same;
    /// part of `output`.
    pub rejected_prediction: u64,
}

/// `usage` as chat completions, completions and embeddings have it (`prompt_tokens`, …) or as
/// responses, images and audio have it (`input_tokens`, …; transcriptions spell the details
/// `input_token_details`):
/// <https://platform.openai.com/docs/api-reference/chat/object>,
/// <https://platform.openai.com/docs/api-reference/responses/object>,
/// <https://platform.openai.com/docs/api-reference/audio/json-object>,
/// <https://platform.openai.com/docs/api-reference/images/object>.
#[derive(Deserialize)]
struct WireUsage {
    #[serde(alias = "input_tokens")]
    prompt_tokens: u64,
    #[serde(alias = "output_tokens", default)]
    completion_tokens: u64,
    total_tokens: Option<u64>,
    #[serde(alias = "input_tokens_details", alias = "input_token_details")]
    prompt_tokens_details: Option<WireInputDetails>,
    #[serde(alias = "output_tokens_details", alias = "output_token_details")]
    completion_tokens_details: Option<WireOutputDetails>,
}

#[derive(Default, Deserialize)]
struct WireInputDetails {
    cached_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    image_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct WireOutputDetails {
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    accepted_prediction_tokens: Option<u64>,
    rejected_prediction_tokens: Option<u64>,
}

/// `usage` of a transcription that is billed by its length: `{"type":"duration","seconds":12}`.
#[derive(Deserialize)]
struct WireDuration {
    seconds: f64,
}

impl TokenCounts {
    /// Reads the value of a `usage` member; `None` where it is not one (`null` in most events).
    pub fn from_wire(usage: &[u8]) -> Option<Self> {
        let wire: WireUsage = serde_json::from_slice(usage).ok()?;
        let input = wire.prompt_tokens_details.unwrap_or_default();
        let output = wire.completion_tokens_details.unwrap_or_default();
        Some(Self {
            input: wire.prompt_tokens,
            output: wire.completion_tokens,
            total: wire
                .total_tokens
                .unwrap_or_else(|| wire.prompt_tokens.saturating_add(wire.completion_tokens)),
            cached_input: input.cached_tokens.unwrap_or(0),
            reasoning: output.reasoning_tokens.unwrap_or(0),
            audio_input: input.audio_tokens.unwrap_or(0),
            audio_output: output.audio_tokens.unwrap_or(0),
            image_input: input.image_tokens.unwrap_or(0),
            accepted_prediction: output.accepted_prediction_tokens.unwrap_or(0),
            rejected_prediction: output.rejected_prediction_tokens.unwrap_or(0),
        })
    }
}

/// Reads a `usage` that says a length of audio, in milliseconds.
pub(super) fn audio_ms_from_usage(usage: &[u8]) -> Option<u64> {
    let wire: WireDuration = serde_json::from_slice(usage).ok()?;
    milliseconds(wire.seconds)
}

/// Reads `duration` of a transcription: seconds, as a number or as text.
pub(super) fn audio_ms_from_duration(duration: &[u8]) -> Option<u64> {
    let seconds = serde_json::from_slice::<f64>(duration).ok();
    let text = || {
        serde_json::from_slice::<String>(duration)
            .ok()?
            .parse()
            .ok()
    };
    milliseconds(seconds.or_else(text)?)
}

fn milliseconds(seconds: f64) -> Option<u64> {
    let length = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(length.as_millis()).ok()
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
            ..TokenCounts::default()
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

    #[test]
    fn audio_images_and_predictions_are_told_apart() {
        let chat = br#"{"completion_tokens":11,"completion_tokens_details":
            {"accepted_prediction_tokens":2,"audio_tokens":5,"rejected_prediction_tokens":3},
            "prompt_tokens":23,"prompt_tokens_details":{"audio_tokens":7},"total_tokens":34}"#;
        let counts = TokenCounts::from_wire(chat).expect("usage");
        assert_eq!((counts.audio_input, counts.audio_output), (7, 5));
        assert_eq!(
            (counts.accepted_prediction, counts.rejected_prediction),
            (2, 3)
        );
        let heard = br#"{"type":"tokens","input_tokens":14,"input_token_details":
            {"text_tokens":10,"audio_tokens":4},"output_tokens":45,"total_tokens":59}"#;
        assert_eq!(TokenCounts::from_wire(heard).expect("usage").audio_input, 4);
        let drawn = br#"{"total_tokens":100,"input_tokens":50,"output_tokens":50,
            "input_tokens_details":{"text_tokens":10,"image_tokens":40}}"#;
        assert_eq!(
            TokenCounts::from_wire(drawn).expect("usage").image_input,
            40
        );
    }

    #[test]
    fn lengths_of_audio_are_read_in_each_spelling() {
        let usage = br#"{"type":"duration","seconds":12.5}"#;
        assert_eq!(audio_ms_from_usage(usage), Some(12_500));
        assert_eq!(TokenCounts::from_wire(usage), None, "they are not tokens");
        assert_eq!(audio_ms_from_duration(b"8.47"), Some(8470));
        assert_eq!(audio_ms_from_duration(b"\"8.47\""), Some(8470));
        for other in ["-1", "1e300", "null", "{}", "\"x\"", "\"NaN\""] {
            assert_eq!(audio_ms_from_duration(other.as_bytes()), None, "{other}");
        }
    }
}
