//! A chat as one JSON object.

use super::super::answer::{Answer, Ending};
use super::super::filter;
use super::super::turn::{SYSTEM_FINGERPRINT, Turn, finish_reason};
use super::super::usage::ChatUsage;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Completion<'a> {
    choices: Vec<WholeChoice<'a>>,
    created: u64,
    id: &'a str,
    model: &'a str,
    object: &'static str,
    prompt_filter_results: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    system_fingerprint: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ChatUsage>,
}

#[derive(Serialize)]
struct WholeChoice<'a> {
    content_filter_results: &'a RawValue,
    finish_reason: Option<&'static str>,
    index: usize,
    logprobs: Option<()>,
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    annotations: [(); 0],
    content: Option<String>,
    refusal: Option<()>,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[WholeCall<'a>; 1]>,
}

#[derive(Serialize)]
struct WholeCall<'a> {
    function: WholeFunction<'a>,
    id: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct WholeFunction<'a> {
    arguments: String,
    name: &'a str,
}

/// The chat as one JSON object.
pub fn json(turn: &Turn) -> String {
    let completion = Completion {
        choices: turn.answers.iter().enumerate().map(whole_choice).collect(),
        created: turn.created,
        id: &turn.id,
        model: &turn.model,
        object: "chat.completion",
        prompt_filter_results: &filter::PROMPT,
        service_tier: turn.service_tier.as_deref(),
        system_fingerprint: SYSTEM_FINGERPRINT,
        usage: turn.tells_usage.then(|| turn.tokens.into()),
    };
    serde_json::to_string(&completion).expect("a completion is plain data")
}

fn whole_choice((index, answer): (usize, &Answer)) -> WholeChoice<'_> {
    let filtered = answer.ending == Ending::Filtered;
    let call = |(id, name, arguments)| {
        [WholeCall {
            function: WholeFunction { arguments, name },
            id,
            r#type: "function",
        }]
    };
    WholeChoice {
        content_filter_results: if filtered {
            &filter::FILTERED
        } else {
            &filter::SAFE
        },
        finish_reason: finish_reason(answer.ending),
        index,
        logprobs: None,
        message: Message {
            annotations: [],
            content: answer.speaks().then(|| answer.text()),
            refusal: None,
            role: "assistant",
            tool_calls: answer.call().map(call),
        },
    }
}
