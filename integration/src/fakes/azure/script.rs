//! What one request wants of the fake, said in its own headers: they pass through a gateway, so that a
//! test scripts the backend from the client's end.
//!
//! | header | meaning |
//! |---|---|
//! | `x-fake-only: NAME` | the script is for the fake of this name; others answer as usual |
//! | `x-fake-service-tier: NAME` | this tier answers, whatever was asked for |
//! | `x-fake-output-tokens: N` | exactly N tokens of text |
//! | `x-fake-cached-tokens: N` | so many of the prompt's tokens came from the cache |
//! | `x-fake-reasoning-tokens: N` | so many more were generated, and not shown |
//! | `x-fake-audio-tokens: N` | so many of the prompt's tokens, and of the answer's, are audio |
//! | `x-fake-prediction-tokens: N` | so many of the answer's tokens were predicted, half of them rightly |
//! | `x-fake-first-byte-delay-ms: N` | nothing, not even headers, for so long |
//! | `x-fake-token-delay-ms: N` | each generated token takes so long |
//! | `x-fake-event-delay-us: N` | each event of a stream takes so long (timers round to 1 ms) |
//! | `x-fake-fault: FAULT` | see [`Fault`] |
//! | `x-fake-retry-after-ms: N` | of `status-429` and `status-503`; sent in seconds and in milliseconds |
//! | `x-fake-split: N` | the body in pieces of N bytes, each flushed: UTF-8 and `data:` are cut in two |
//! | `x-fake-split-delay-us: N` | a pause after each piece, so that no proxy puts them together again |
//! | `x-fake-coalesce: 1` | all events in one write |
//! | `x-fake-line-ending: crlf\|cr` | instead of LF |
//! | `x-fake-gzip: 1` | gzip, asked or not, streams too |
//! | `x-fake-async-filter: 1` | annotations with `content_filter_offsets`, between and after the text |
//! | `x-fake-tool-call: 1` | a tool call, asked for or not, and text with a literal `"usage":{` in it |
//! | `x-fake-event-bytes: N` | Responses: the last event has at least N bytes |
//! | `x-fake-trailer: 1` | a trailer after a stream (HTTP/2) |
//! | `x-fake-canned: 1` | the fast path for load tests; see [`super::canned`] |
//!
//! Any other header is an error: a typing mistake must not make a test pass.

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::time::Duration;

const PREFIX: &str = "x-fake-";

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fault {
    /// `drop-mid-stream`: half of the answer, then the connection breaks.
    DropMidStream,
    /// `error-mid-stream`: half of the answer, then an error event and the end.
    ErrorMidStream,
    /// `filter-cut`: half of the answer, then the content filter: `[DONE]` and no usage.
    FilterCut,
    /// `filter-prompt`: 400, and the prompt is billed.
    FilterPrompt,
    /// `status-NNN`: this status, with the error that Azure has for it.
    Status(u16),
    /// `role-missing`: 401 `PermissionDenied`.
    RoleMissing,
    /// `no-usage`: the answer forgets its usage.
    NoUsage,
    /// `stall-before-usage`: a stream says its end, and nothing more; the connection stays open.
    StallBeforeUsage,
    /// `reset-before-headers`: the connection breaks before anything is sent.
    ResetBeforeHeaders,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let status = name.strip_prefix("status-").map(u16::from_str);
        Ok(match (name, status) {
            (_, Some(Ok(status @ 400..=599))) => Self::Status(status),
            ("drop-mid-stream", _) => Self::DropMidStream,
            ("error-mid-stream", _) => Self::ErrorMidStream,
            ("filter-cut", _) => Self::FilterCut,
            ("filter-prompt", _) => Self::FilterPrompt,
            ("role-missing", _) => Self::RoleMissing,
            ("no-usage", _) => Self::NoUsage,
            ("stall-before-usage", _) => Self::StallBeforeUsage,
            ("reset-before-headers", _) => Self::ResetBeforeHeaders,
            _ => return Err(format!("unknown fault {name:?}")),
        })
    }
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::DropMidStream => "drop-mid-stream".to_owned(),
            Fault::ErrorMidStream => "error-mid-stream".to_owned(),
            Fault::FilterCut => "filter-cut".to_owned(),
            Fault::FilterPrompt => "filter-prompt".to_owned(),
            Fault::Status(status) => format!("status-{status}"),
            Fault::RoleMissing => "role-missing".to_owned(),
            Fault::NoUsage => "no-usage".to_owned(),
            Fault::StallBeforeUsage => "stall-before-usage".to_owned(),
            Fault::ResetBeforeHeaders => "reset-before-headers".to_owned(),
        }
    }
}

/// What ends a line of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LineEnding {
    /// As Azure does.
    #[default]
    Lf,
    /// Allowed by the grammar of event streams.
    CrLf,
    /// Allowed too, and often forgotten.
    Cr,
}

/// The script of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, as the headers are"
)]
pub struct Script {
    /// `x-fake-service-tier`
    pub service_tier: Option<String>,
    /// `x-fake-output-tokens`
    pub output_tokens: Option<u64>,
    /// `x-fake-cached-tokens`
    pub cached_tokens: u64,
    /// `x-fake-reasoning-tokens`
    pub reasoning_tokens: u64,
    /// `x-fake-audio-tokens`
    pub audio_tokens: u64,
    /// `x-fake-prediction-tokens`
    pub prediction_tokens: u64,
    /// `x-fake-first-byte-delay-ms`
    pub first_byte_delay: Duration,
    /// `x-fake-token-delay-ms`
    pub token_delay: Duration,
    /// `x-fake-event-delay-us`
    pub event_delay: Duration,
    /// `x-fake-fault`
    pub fault: Option<Fault>,
    /// `x-fake-retry-after-ms`
    pub retry_after: Option<Duration>,
    /// `x-fake-split`
    pub split_bytes: Option<usize>,
    /// `x-fake-split-delay-us`
    pub split_delay: Duration,
    /// `x-fake-coalesce`
    pub coalesce: bool,
    /// `x-fake-line-ending`
    pub line_ending: LineEnding,
    /// `x-fake-gzip`
    pub gzip: bool,
    /// `x-fake-async-filter`
    pub async_filter: bool,
    /// `x-fake-tool-call`
    pub tool_call: bool,
    /// `x-fake-trailer`
    pub trailer: bool,
    /// `x-fake-event-bytes`
    pub event_bytes: usize,
}

impl Script {
    /// The script in a request's headers, for the fake of this name.
    pub fn parse(headers: &HeaderMap, fake: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for (name, value) in headers {
            let Some(switch) = name.as_str().strip_prefix(PREFIX) else {
                continue;
            };
            let value = value.to_str().unwrap_or_default();
            script
                .set(switch, value)
                .map_err(|reason| format!("{name}: {reason}"))?;
        }
        let only = headers.get("x-fake-only");
        let is_for_another = only.is_some_and(|only| only.as_bytes() != fake.as_bytes());
        Ok(if is_for_another {
            Self::default()
        } else {
            script
        })
    }

    fn set(&mut self, switch: &str, value: &str) -> Result<(), String> {
        match switch {
            "only" | "canned" => {}
            "service-tier" => self.service_tier = Some(value.to_owned()),
            "output-tokens" => self.output_tokens = Some(number(value)?),
            "cached-tokens" => self.cached_tokens = number(value)?,
            "reasoning-tokens" => self.reasoning_tokens = number(value)?,
            "audio-tokens" => self.audio_tokens = number(value)?,
            "prediction-tokens" => self.prediction_tokens = number(value)?,
            "first-byte-delay-ms" => self.first_byte_delay = milliseconds(value)?,
            "token-delay-ms" => self.token_delay = milliseconds(value)?,
            "event-delay-us" => self.event_delay = microseconds(value)?,
            "fault" => self.fault = Some(value.parse()?),
            "retry-after-ms" => self.retry_after = Some(milliseconds(value)?),
            "split" => self.split_bytes = Some(number::<usize>(value)?.max(1)),
            "split-delay-us" => self.split_delay = microseconds(value)?,
            "coalesce" => self.coalesce = flag(value)?,
            "line-ending" => self.line_ending = line_ending(value)?,
            "gzip" => self.gzip = flag(value)?,
            "async-filter" => self.async_filter = flag(value)?,
            "tool-call" => self.tool_call = flag(value)?,
            "trailer" => self.trailer = flag(value)?,
            "event-bytes" => self.event_bytes = number(value)?,
            _ => return Err("no such switch".to_owned()),
        }
        Ok(())
    }
}

fn number<N: FromStr>(value: &str) -> Result<N, String> {
    value
        .parse()
        .map_err(|_| format!("{value:?} is not a number that fits"))
}

fn milliseconds(value: &str) -> Result<Duration, String> {
    number(value).map(Duration::from_millis)
}

fn microseconds(value: &str) -> Result<Duration, String> {
    number(value).map(Duration::from_micros)
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(format!("{value:?} is neither 0 nor 1")),
    }
}

fn line_ending(value: &str) -> Result<LineEnding, String> {
    match value {
        "lf" => Ok(LineEnding::Lf),
        "crlf" => Ok(LineEnding::CrLf),
        "cr" => Ok(LineEnding::Cr),
        _ => Err(format!("{value:?} is not lf, crlf or cr")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn parse(headers: &[(&'static str, &'static str)]) -> Result<Script, String> {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        Script::parse(&headers.collect(), "east")
    }

    #[test]
    fn a_script_is_read_from_headers() {
        let script = parse(&[
            ("x-fake-output-tokens", "7"),
            ("x-fake-fault", "status-429"),
            ("x-fake-event-delay-us", "2000"),
            ("accept", "*/*"),
        ])
        .expect("a script");
        assert_eq!(script.output_tokens, Some(7));
        assert_eq!(script.fault, Some(Fault::Status(429)));
        assert_eq!(script.event_delay, Duration::from_millis(2));
    }

    #[test]
    fn mistakes_are_not_ignored() {
        let unknown = parse(&[("x-fake-output-token", "7")]);
        assert_eq!(unknown, Err("x-fake-output-token: no such switch".into()));
        assert!(
            parse(&[("x-fake-fault", "status-200")]).is_err(),
            "200 is not a fault"
        );
        assert!(parse(&[("x-fake-gzip", "yes")]).is_err(), "not a flag");
    }

    #[test]
    fn a_script_for_another_fake_is_not_ours() {
        let fault = ("x-fake-fault", "reset-before-headers");
        let theirs = parse(&[fault, ("x-fake-only", "west")]).expect("a script");
        assert_eq!(theirs, Script::default());
        let ours = parse(&[fault, ("x-fake-only", "east")]).expect("a script");
        assert_eq!(ours.fault, Some(Fault::ResetBeforeHeaders));
    }

    #[test]
    fn faults_have_one_name_each() {
        for name in [
            "drop-mid-stream",
            "filter-cut",
            "status-503",
            "no-usage",
            "stall-before-usage",
        ] {
            let fault: Fault = name.parse().expect("a fault");
            assert_eq!(String::from(fault), name, "the name does not come back");
        }
    }
}
