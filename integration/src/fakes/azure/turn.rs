//! One request that is answered: what was asked, what is said, what it costs. The operations render
//! it in their shapes.

use super::answer::{Answer, Ending};
use super::ledger::Tokens;
use super::prompt::Prompt;
use super::route::Operation;
use super::script::{Fault, Script};
use super::speech::{Wish, generate};
use super::tokenizer::Encoding;
use super::tools::Call;
use crate::fakes::unique::{unix_seconds, with_prefix};
use serde_json::Value;

/// `system_fingerprint` of every chat.
pub const SYSTEM_FINGERPRINT: &str = "fp_ee1d74bde0";

/// How long a model thinks that does, unless a script says it.
const TOKENS_OF_THOUGHT: u64 = 64;

/// `n` is allowed up to 128; a fake needs no more than this.
const MAX_CHOICES: u64 = 16;

/// An exchange with a model, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The answer's id.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The model and its version.
    pub model: String,
    /// The deployment's name, which Responses tells in place of the model.
    pub deployment: String,
    /// The request.
    pub body: Value,
    /// The choices.
    pub answers: Vec<Answer>,
    /// What all of it costs, and what its usage says.
    pub tokens: Tokens,
    /// Whether the answer tells its usage at all.
    pub tells_usage: bool,
    /// Whether a stream was asked to tell its usage.
    pub include_usage: bool,
    /// The service tier that answers; chats say it only where one was asked for.
    pub service_tier: Option<String>,
    /// `x-fake-async-filter`
    pub async_filter: bool,
    /// `x-fake-event-bytes`
    pub event_bytes: usize,
}

/// Who answers.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    /// What is asked of it.
    pub operation: Operation,
    /// The deployment's name.
    pub deployment: &'a str,
    /// The deployment's model.
    pub model: &'a str,
    /// Whether it thinks before it speaks.
    pub reasons: bool,
}

impl Turn {
    /// Answers `body`, as `script` says.
    pub fn new(speaker: Speaker<'_>, body: Value, prompt: &Prompt, script: &Script) -> Self {
        let max_tokens = max_tokens(&body);
        let thought = match (script.reasoning_tokens, speaker.reasons) {
            (0, true) => TOKENS_OF_THOUGHT,
            (tokens, _) => tokens,
        };
        let reasoning = max_tokens.map_or(thought, |max_tokens| thought.min(max_tokens));
        let wish = Wish {
            topic: &prompt.topic,
            output_tokens: script.output_tokens,
            max_tokens: max_tokens.map(|max_tokens| max_tokens - reasoning),
            tool: match script.tool_call {
                true => Some(Call::luring(&body)),
                false => Call::asked_for(&body, &prompt.topic),
            },
            index: 0,
        };
        let mut answers: Vec<Answer> = (0..choices(speaker.operation, &body))
            .map(|index| {
                generate(
                    Encoding::of(speaker.model),
                    &Wish {
                        index,
                        ..wish.clone()
                    },
                )
            })
            .collect();
        if let Some(ending) = script.fault.and_then(early_end) {
            answers.iter_mut().for_each(|answer| answer.halve(ending));
        }
        let shown: u64 = answers.iter().map(Answer::tokens).sum();
        Self {
            id: with_prefix(id_prefix(speaker.operation)),
            created: unix_seconds(),
            model: speaker.model.to_owned(),
            deployment: speaker.deployment.to_owned(),
            tokens: Tokens {
                prompt: prompt.tokens,
                cached: script.cached_tokens.min(prompt.tokens),
                completion: reasoning + shown,
                reasoning,
                audio_prompt: script.audio_tokens.min(prompt.tokens),
                audio_completion: script.audio_tokens.min(shown),
                accepted_prediction: script.prediction_tokens.min(shown).div_ceil(2),
                rejected_prediction: script.prediction_tokens.min(shown) / 2,
            },
            answers,
            tells_usage: script.fault != Some(Fault::NoUsage),
            include_usage: body["stream_options"]["include_usage"] == true,
            service_tier: service_tier(&body, script),
            async_filter: script.async_filter,
            event_bytes: script.event_bytes,
            body,
        }
    }

    /// The first choice, and the only one unless more were asked for.
    pub fn answer(&self) -> Option<&Answer> {
        self.answers.first()
    }

    /// Why the stream ends.
    pub fn ending(&self) -> Ending {
        self.answer().map_or(Ending::Stop, |answer| answer.ending)
    }

    /// What reasoning costs: billed before the first token is shown.
    pub fn reasoning(&self) -> Tokens {
        Tokens {
            completion: self.tokens.reasoning,
            reasoning: self.tokens.reasoning,
            ..Tokens::default()
        }
    }
}

/// The tier that was asked for answers, or else the ordinary one
/// (<https://learn.microsoft.com/azure/foundry/openai/concepts/priority-processing>).
fn service_tier(body: &Value, script: &Script) -> Option<String> {
    let asked = match &body["service_tier"] {
        Value::String(name) if name == "auto" => Some("default"),
        asked => asked.as_str(),
    };
    script.service_tier.as_deref().or(asked).map(str::to_owned)
}

/// The most tokens a request allows, by whichever of the names its operation has.
pub fn max_tokens(body: &Value) -> Option<u64> {
    ["max_completion_tokens", "max_tokens", "max_output_tokens"]
        .iter()
        .find_map(|name| body[*name].as_u64())
}

fn choices(operation: Operation, body: &Value) -> usize {
    let each = body["n"].as_u64().unwrap_or(1);
    let prompts = match (operation, &body["prompt"]) {
        (Operation::Completions, Value::Array(prompts)) if !prompts.iter().all(Value::is_u64) => {
            u64::try_from(prompts.len()).unwrap_or(MAX_CHOICES)
        }
        _ => 1,
    };
    let choices = match operation {
        Operation::Chat | Operation::Completions => (each * prompts).clamp(1, MAX_CHOICES),
        _ => 1,
    };
    usize::try_from(choices).unwrap_or(1)
}

fn early_end(fault: Fault) -> Option<Ending> {
    match fault {
        Fault::DropMidStream => Some(Ending::Dropped),
        Fault::ErrorMidStream => Some(Ending::Failed),
        Fault::FilterCut => Some(Ending::Filtered),
        Fault::FilterPrompt
        | Fault::Status(_)
        | Fault::RoleMissing
        | Fault::NoUsage
        | Fault::StallBeforeUsage
        | Fault::ResetBeforeHeaders => None,
    }
}

fn id_prefix(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "chatcmpl-",
        Operation::Completions => "cmpl-",
        Operation::Embeddings => "embd-",
        _ => "resp_",
    }
}

/// OpenAI's word for an ending; none while there is none.
pub fn finish_reason(ending: Ending) -> Option<&'static str> {
    match ending {
        Ending::Stop => Some("stop"),
        Ending::Length => Some("length"),
        Ending::ToolCalls => Some("tool_calls"),
        Ending::Filtered => Some("content_filter"),
        Ending::Failed | Ending::Dropped => None,
    }
}

/// The event of a service that fails while it streams.
pub const ERROR_EVENT: &str = r#"{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}"#;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CHAT: Speaker<'static> = Speaker {
        operation: Operation::Chat,
        deployment: "gpt-4o",
        model: "gpt-4o-2024-08-06",
        reasons: false,
    };

    fn prompt() -> Prompt {
        Prompt {
            tokens: 10,
            topic: "tests".to_owned(),
        }
    }

    #[test]
    fn reasoning_is_a_part_of_what_was_generated_and_of_its_maximum() {
        let script = Script {
            reasoning_tokens: 30,
            cached_tokens: 99,
            ..Script::default()
        };
        let body = json!({"max_completion_tokens": 32});
        let turn = Turn::new(CHAT, body, &prompt(), &script);
        assert_eq!(turn.tokens.completion, 32, "not the maximum");
        assert_eq!(turn.tokens.reasoning, 30);
        assert_eq!(turn.tokens.cached, 10, "more cached than there is");
        assert_eq!(turn.ending(), Ending::Length);
    }

    #[test]
    fn all_choices_are_billed() {
        let one = Turn::new(CHAT, json!({}), &prompt(), &Script::default());
        let three = Turn::new(CHAT, json!({"n": 3}), &prompt(), &Script::default());
        assert_eq!(three.answers.len(), 3);
        assert!(three.tokens.completion > 2 * one.tokens.completion);
    }

    #[test]
    fn a_cut_answer_costs_what_was_generated() {
        let script = Script {
            output_tokens: Some(20),
            fault: Some(Fault::FilterCut),
            ..Script::default()
        };
        let turn = Turn::new(CHAT, json!({}), &prompt(), &script);
        assert!(turn.tokens.completion < 20, "{:?}", turn.tokens);
        assert_eq!(turn.ending(), Ending::Filtered);
    }
}
