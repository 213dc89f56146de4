//! The HTTP form of an answer: content type, compression, pieces, and the headers of who served.

use super::deployment::{Deployment, Remaining};
use super::guard::text;
use super::headers;
use super::ledger::{Bill, Outcome};
use super::plan::{Plan, Player};
use super::script::{Fault, Script};
use super::wire::{Wire, gzipped};
use crate::fakes::body::{ReplyBody, Step};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// Shorter answers are not worth compressing.
const MIN_GZIP_BYTES: usize = 1024;

/// What is said.
pub(super) enum Said {
    Json(String),
    Stream(Plan),
    /// Another kind of body: its `content-type`, its bytes.
    Bytes(&'static str, Vec<u8>),
}

/// An answer before it has its HTTP form.
pub(super) struct Reply {
    pub(super) said: Said,
    pub(super) script: Script,
    pub(super) served: Option<Served>,
}

/// Which deployment served.
pub(super) struct Served {
    pub(super) name: String,
    pub(super) deployment: Deployment,
    pub(super) remaining: Remaining,
    pub(super) spilled_from: Option<String>,
}

impl Reply {
    /// The answer as HTTP has it. The bill is settled, or continues with the stream.
    pub(super) fn respond(self, request: &HeaderMap, bill: Bill) -> Response<ReplyBody> {
        let mut response = match self.said {
            Said::Json(text) => json_response(&text, &self.script, request, bill),
            Said::Stream(plan) => stream_response(plan, &self.script, bill),
            Said::Bytes(kind, bytes) => bytes_response(kind, bytes, &self.script, bill),
        };
        if let Some(served) = &self.served {
            served.sign(&mut response);
        }
        response
    }
}

impl Served {
    fn sign(&self, response: &mut Response<ReplyBody>) {
        headers::add_served(response, &self.name, self.remaining);
        if self.deployment.provisioned {
            headers::add_utilization(response, self.utilization_percent());
        }
        if let Some(from) = &self.spilled_from {
            headers::add_spillover(response, from);
        }
    }

    fn utilization_percent(&self) -> u64 {
        let limit = self.deployment.tokens_per_minute.unwrap_or(0);
        let left = u64::try_from(self.remaining.tokens).unwrap_or(limit);
        (limit - left) * 100 / limit.max(1)
    }
}

fn stream_response(plan: Plan, script: &Script, bill: Bill) -> Response<ReplyBody> {
    let player = Player::new(plan, script, bill);
    let mut response = Response::new(ReplyBody::scripted(player));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, EVENT_STREAM);
    if script.gzip {
        headers.insert(CONTENT_ENCODING, GZIP);
    }
    response
}

fn bytes_response(
    kind: &'static str,
    bytes: Vec<u8>,
    script: &Script,
    mut bill: Bill,
) -> Response<ReplyBody> {
    let drops = script.fault == Some(Fault::DropMidStream);
    bill.settle(if drops {
        Outcome::Cut
    } else {
        Outcome::Finished
    });
    let body = match drops {
        true => {
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
            let steps = [Step::Write(half.into()), Step::Flush];
            ReplyBody::scripted(steps.into_iter().chain(Step::LINGERING_ABORT))
        }
        false => ReplyBody::whole(bytes),
    };
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn json_response(
    text: &str,
    script: &Script,
    request: &HeaderMap,
    mut bill: Bill,
) -> Response<ReplyBody> {
    let worth = text.len() >= MIN_GZIP_BYTES && accepts_gzip(request);
    let gzip = script.gzip || worth;
    let drops = script.fault == Some(Fault::DropMidStream);
    bill.settle(if drops {
        Outcome::Cut
    } else {
        Outcome::Finished
    });
    let body = if drops || script.split_bytes.is_some() {
        ReplyBody::scripted(pieces(text, script, gzip, drops).into_iter())
    } else if gzip {
        ReplyBody::whole(gzipped(text))
    } else {
        ReplyBody::whole(text.to_owned())
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    if gzip {
        response.headers_mut().insert(CONTENT_ENCODING, GZIP);
    }
    response
}

/// A JSON answer in pieces; one that drops breaks off in its middle.
fn pieces(text: &str, script: &Script, gzip: bool, drops: bool) -> Vec<Step> {
    let mut wire = Wire::new(script, gzip);
    if !drops {
        let mut steps = wire.send(text);
        steps.extend(wire.finish());
        return steps;
    }
    let half: String = text.chars().take(text.chars().count() / 2).collect();
    let mut steps = wire.send(&half);
    steps.extend(Step::LINGERING_ABORT);
    steps
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    let accepted = text(request, ACCEPT_ENCODING.as_str()).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(quality.trim(), "q=0" | "q=0.0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_accepts_gzip_gets_it() {
        let accepts = |value| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(accepts("gzip"));
        assert!(accepts("br, GZIP;q=0.5"));
        assert!(!accepts("gzip;q=0, identity"));
        assert!(!accepts("identity"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
