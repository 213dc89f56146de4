//! What is asked for: three kinds of answer, as SDKs ask for them.

use std::fmt;

use clap::ValueEnum;
use serde_json::json;

/// Tokens in a generated answer; an event of a stream carries one.
const OUTPUT_TOKENS: &str = "100";
/// How long the backend takes for each event of the slow stream.
const EVENT_DELAY_US: &str = "2000";

/// A kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// One JSON object.
    Json,
    /// A stream that the backend sends in one piece.
    CoalescedStream,
    /// A stream with a pause before each event.
    SlowStream,
}

impl Workload {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Json, Self::CoalescedStream, Self::SlowStream];

    /// The request that asks a gateway for it, with the caller's credential. Streams don't ask for
    /// their usage, as SDKs don't by default: tollgate has to ask for it and to take it out again.
    pub fn request(self, credential: &(&'static str, String)) -> Request {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            (credential.0, credential.1.clone()),
            ("x-fake-canned", "1".to_owned()),
            ("x-fake-output-tokens", OUTPUT_TOKENS.to_owned()),
        ];
        if self == Self::SlowStream {
            headers.push(("x-fake-event-delay-us", EVENT_DELAY_US.to_owned()));
        }
        let body = json!({
            "messages": [
                { "role": "system", "content": "You are a helpful assistant." },
                { "role": "user", "content": "Write a sonnet about a toll gate on a quiet road." },
            ],
            "stream": self != Self::Json,
            "max_tokens": 200,
        });
        Request {
            headers,
            body: body.to_string(),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON chat completion",
            Self::CoalescedStream => "SSE, 100 events in one piece",
            Self::SlowStream => "SSE, 100 events, one every 2 ms",
        })
    }
}

/// A request to the chat path.
#[derive(Clone, Debug)]
pub struct Request {
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}
