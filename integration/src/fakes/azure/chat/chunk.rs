//! The events of a stream, their members in the order that Azure has.

use super::super::usage::ChatUsage;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
pub(super) struct Chunk<'a> {
    pub(super) choices: &'a [Choice<'a>],
    pub(super) created: u64,
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    pub(super) object: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_filter_results: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system_fingerprint: Option<&'a str>,
    /// Absent, null, or there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Option<ChatUsage>>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Choice<'a> {
    Delta {
        content_filter_results: &'a RawValue,
        delta: Delta<'a>,
        finish_reason: Option<&'static str>,
        index: usize,
        logprobs: Option<()>,
    },
    Annotation {
        content_filter_offsets: Offsets,
        content_filter_results: &'a RawValue,
        finish_reason: Option<&'static str>,
        index: usize,
    },
}

#[derive(Serialize)]
pub(super) struct Offsets {
    pub(super) check_offset: usize,
    pub(super) end_offset: usize,
    pub(super) start_offset: usize,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Delta<'a> {
    Role {
        content: &'static str,
        refusal: Option<()>,
        role: &'static str,
    },
    Content {
        content: &'a str,
    },
    Call {
        tool_calls: [CallStart<'a>; 1],
    },
    Arguments {
        tool_calls: [CallPart<'a>; 1],
    },
    Empty {},
}

#[derive(Serialize)]
pub(super) struct CallStart<'a> {
    pub(super) function: Function<'a>,
    pub(super) id: &'a str,
    pub(super) index: usize,
    pub(super) r#type: &'static str,
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    pub(super) arguments: &'a str,
    pub(super) name: &'a str,
}

#[derive(Serialize)]
pub(super) struct CallPart<'a> {
    pub(super) function: Arguments<'a>,
    pub(super) index: usize,
}

#[derive(Serialize)]
pub(super) struct Arguments<'a> {
    pub(super) arguments: &'a str,
}
