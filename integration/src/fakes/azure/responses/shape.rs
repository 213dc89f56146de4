//! A response object and its output items. It repeats what the request set, and that may be large.

use super::super::answer::{Answer, Ending};
use super::super::filter;
use super::super::turn::Turn;
use super::super::usage::ResponseUsage;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Fills an event up: a caller's text that looks like a usage, many times over.
const FILLER: &str = r#" "usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2},"#;

/// What `include` says for reasoning that can be given back.
const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

/// How far a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In the background, not begun.
    Queued,
    /// Being generated.
    InProgress,
    /// All there.
    Completed,
    /// Cut by a maximum or by the filter.
    Incomplete,
    /// The service broke down.
    Failed,
    /// In the background, and cancelled.
    Cancelled,
}

/// A part of a message.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    r#type: &'static str,
    annotations: [(); 0],
    logprobs: [(); 0],
    text: String,
}

impl Part {
    /// Text of the model.
    pub fn text(text: String) -> Self {
        Self {
            r#type: "output_text",
            annotations: [],
            logprobs: [],
            text,
        }
    }
}

/// An item of the output.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// That there was reasoning; not what.
    Reasoning {
        /// `rs_…`
        id: String,
        /// Empty.
        summary: [(); 0],
        /// For whoever keeps it himself; only if it was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
    /// Code that was run, and where.
    CodeInterpreterCall {
        /// `ci_…`
        id: String,
        /// How far it is.
        status: Status,
        /// The code.
        code: &'static str,
        /// `cntr_…`
        container_id: String,
    },
    /// What is said.
    Message {
        /// `msg_…`
        id: String,
        /// How far it is.
        status: Status,
        /// Its text.
        content: Vec<Part>,
        /// The assistant.
        role: &'static str,
    },
    /// A call of a tool.
    FunctionCall {
        /// `fc_…`
        id: String,
        /// How far it is.
        status: Status,
        /// JSON, as text.
        arguments: String,
        /// Names the call in its answer.
        call_id: String,
        /// The tool.
        name: String,
    },
}

impl Item {
    /// A message that says `text`; without it, one that is about to.
    pub fn message(response: &str, text: Option<String>, status: Status) -> Self {
        Self::Message {
            id: item_id("msg_", response),
            status,
            content: text.map(Part::text).into_iter().collect(),
            role: "assistant",
        }
    }

    /// A call of a tool.
    pub fn call(response: &str, answer: &Answer, status: Status) -> Option<Self> {
        let (call_id, name, arguments) = answer.call()?;
        Some(Self::FunctionCall {
            id: item_id("fc_", response),
            status,
            arguments: if status == Status::InProgress {
                String::new()
            } else {
                arguments
            },
            call_id: call_id.to_owned(),
            name: name.to_owned(),
        })
    }

    /// A run of code, where the request has a code interpreter: in the container that it names, or in
    /// one of the response's own.
    pub fn code(turn: &Turn, status: Status) -> Option<Self> {
        let tools = turn.body["tools"].as_array()?;
        let tool = tools.iter().find(|it| it["type"] == "code_interpreter")?;
        let container = tool["container"].as_str().map(str::to_owned);
        Some(Self::CodeInterpreterCall {
            id: item_id("ci_", &turn.id),
            status,
            code: match status {
                Status::InProgress => "",
                _ => "print('{\"id\":\"msg_1\"}')",
            },
            container_id: container.unwrap_or_else(|| item_id("cntr_", &turn.id)),
        })
    }

    /// Reasoning that is not shown, or only to be given back.
    pub fn reasoning(turn: &Turn) -> Self {
        let include = turn.body["include"].as_array();
        let is_asked = include.is_some_and(|it| it.contains(&json!(ENCRYPTED_REASONING)));
        Self::Reasoning {
            id: item_id("rs_", &turn.id),
            summary: [],
            encrypted_content: is_asked.then(|| format!("gAAAAA{}", turn.id)),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Self::Reasoning { id, .. }
            | Self::CodeInterpreterCall { id, .. }
            | Self::Message { id, .. }
            | Self::FunctionCall { id, .. } => id,
        }
    }

    /// What it has for the model to read again.
    pub fn text(&self) -> String {
        match self {
            Self::Reasoning { .. } => String::new(),
            Self::CodeInterpreterCall { code, .. } => (*code).to_owned(),
            Self::Message { content, .. } => {
                content.iter().map(|part| part.text.as_str()).collect()
            }
            Self::FunctionCall {
                name, arguments, ..
            } => format!("{name}{arguments}"),
        }
    }

    /// The call that it is.
    pub fn call_id(&self) -> Option<&str> {
        match self {
            Self::FunctionCall { call_id, .. } => Some(call_id),
            Self::Reasoning { .. } | Self::CodeInterpreterCall { .. } | Self::Message { .. } => {
                None
            }
        }
    }
}

/// An item's id follows from that of its response.
pub fn item_id(prefix: &str, response: &str) -> String {
    format!("{prefix}{}", response.trim_start_matches("resp_"))
}

/// A response, with the members in the order that the service has.
#[derive(Debug, Clone, Serialize)]
pub struct Response {
    /// `resp_…`
    pub id: String,
    object: &'static str,
    created_at: u64,
    /// How far it is.
    pub status: Status,
    /// Whether it is generated in the background.
    pub background: bool,
    content_filters: Option<&'static RawValue>,
    error: Option<Value>,
    incomplete_details: Option<Value>,
    instructions: Value,
    max_output_tokens: Value,
    max_tool_calls: Option<()>,
    model: String,
    /// What was generated.
    pub output: Vec<Item>,
    parallel_tool_calls: bool,
    previous_response_id: Value,
    reasoning: Value,
    service_tier: String,
    store: bool,
    temperature: Value,
    text: Value,
    tool_choice: Value,
    tools: Value,
    top_logprobs: u64,
    top_p: Value,
    truncation: Value,
    usage: Option<ResponseUsage>,
    user: Value,
    metadata: Value,
}

impl Response {
    /// The response of a turn, at its end.
    pub fn ended(turn: &Turn) -> Self {
        let (status, error, incomplete_details) = end(turn.ending());
        let body = &turn.body;
        let or = |name: &str, otherwise: Value| match &body[name] {
            Value::Null => otherwise,
            set => set.clone(),
        };
        Self {
            id: turn.id.clone(),
            object: "response",
            created_at: turn.created,
            status,
            background: body["background"] == true,
            content_filters: Some(&filter::RESPONSE),
            error,
            incomplete_details,
            instructions: filled(&body["instructions"], turn.event_bytes),
            max_output_tokens: body["max_output_tokens"].clone(),
            max_tool_calls: None,
            model: turn.deployment.clone(),
            output: output(turn, status),
            parallel_tool_calls: true,
            previous_response_id: body["previous_response_id"].clone(),
            reasoning: or("reasoning", json!({"effort": null, "summary": null})),
            service_tier: turn
                .service_tier
                .clone()
                .unwrap_or_else(|| "default".into()),
            store: body["store"] != false,
            temperature: or("temperature", json!(1.0)),
            text: or("text", json!({"format": {"type": "text"}})),
            tool_choice: or("tool_choice", json!("auto")),
            tools: or("tools", json!([])),
            top_logprobs: 0,
            top_p: or("top_p", json!(1.0)),
            truncation: or("truncation", json!("disabled")),
            usage: turn.tells_usage.then(|| turn.tokens.into()),
            user: body["user"].clone(),
            metadata: or("metadata", json!({})),
        }
    }

    /// The same before anything was generated.
    pub fn begun(&self, status: Status) -> Self {
        Self {
            status,
            content_filters: None,
            error: None,
            incomplete_details: None,
            output: Vec::new(),
            // Which one answers is not known yet.
            service_tier: "auto".to_owned(),
            usage: None,
            ..self.clone()
        }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a response is plain data")
    }
}

fn end(ending: Ending) -> (Status, Option<Value>, Option<Value>) {
    let incomplete = |reason: &str| {
        let details = json!({"reason": reason});
        (Status::Incomplete, None, Some(details))
    };
    match ending {
        Ending::Stop | Ending::ToolCalls => (Status::Completed, None, None),
        Ending::Length => incomplete("max_output_tokens"),
        Ending::Filtered => incomplete("content_filter"),
        Ending::Failed | Ending::Dropped => {
            let message =
                "The server had an error while processing your request. Sorry about that!";
            let error = json!({"code": "server_error", "message": message});
            (Status::Failed, Some(error), None)
        }
    }
}

fn output(turn: &Turn, status: Status) -> Vec<Item> {
    let reasoning = (turn.tokens.reasoning > 0).then(|| Item::reasoning(turn));
    let code = Item::code(turn, Status::Completed);
    let said = turn.answer().map(|answer| {
        let message = Item::message(&turn.id, Some(answer.text()), status);
        let message = answer.speaks().then_some(message);
        (message, Item::call(&turn.id, answer, status))
    });
    let (message, call) = said.unzip();
    let items = reasoning.into_iter().chain(code).chain(message.flatten());
    items.chain(call.flatten()).collect()
}

fn filled(instructions: &Value, bytes: usize) -> Value {
    if bytes == 0 {
        return instructions.clone();
    }
    let own = instructions.as_str().unwrap_or_default();
    let times = bytes.div_ceil(FILLER.len());
    format!("{own}{}", FILLER.repeat(times)).into()
}
