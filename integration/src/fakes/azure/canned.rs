//! The fast path for load tests: with `x-fake-canned: 1` the answer is one that was rendered before.
//!
//! The token is checked, and what must not come through is refused, as on every path. But the body is
//! not understood beyond `model`, `stream` and `include_usage`, nothing is tokenized, limits and faults
//! do not apply, and the request is not logged. It is counted in the ledger's totals, with
//! [`PROMPT_TOKENS`] of prompt and the tokens of the canned text.
//!
//! `x-fake-output-tokens` gives the length, [`DEFAULT_OUTPUT_TOKENS`] if absent: a stream has about as
//! many events. A stream is one write, or, with `x-fake-event-delay-us`, an event at a time.

use super::chat;
use super::completions;
use super::embeddings;
use super::errors::ApiError;
use super::ledger::Tokens;
use super::plan::Plan;
use super::prompt::Prompt;
use super::responses;
use super::responses::store::ResponseStore;
use super::route::{self, Operation, Target};
use super::script::{LineEnding, Script};
use super::service::Service;
use super::turn::{Speaker, Turn};
use crate::fakes::body::{ReplyBody, Step};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The header that asks for a canned answer.
pub const HEADER: &str = "x-fake-canned";

/// What a canned prompt is billed.
pub const PROMPT_TOKENS: u64 = 25;

/// How long a canned answer is.
pub const DEFAULT_OUTPUT_TOKENS: u64 = 16;

/// A canned vector is short: the point is not the JSON.
const DIMENSIONS: usize = 16;

/// As much of a request's body as matters here.
#[derive(Deserialize)]
struct Light<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<LightOptions>,
}

#[derive(Deserialize)]
struct LightOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    operation: Operation,
    deployment: String,
    stream: bool,
    include_usage: bool,
    output_tokens: u64,
}

/// A rendered answer.
#[derive(Debug)]
struct Canned {
    tokens: Tokens,
    content_type: HeaderValue,
    whole: Bytes,
    /// Of a stream.
    events: Vec<Bytes>,
}

/// The answers that were rendered.
#[derive(Debug, Default)]
pub(super) struct Cache(RwLock<HashMap<Key, Arc<Canned>>>);

impl Cache {
    pub(super) fn clear(&self) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn get(&self, key: Key, model: &str) -> Arc<Canned> {
        let known = {
            let cache = self.0.read().unwrap_or_else(PoisonError::into_inner);
            cache.get(&key).cloned()
        };
        known.unwrap_or_else(|| {
            let canned = Arc::new(render(&key, model));
            let mut cache = self.0.write().unwrap_or_else(PoisonError::into_inner);
            cache.insert(key, Arc::clone(&canned));
            canned
        })
    }
}

/// Answers with what is in the can.
pub(super) fn answer(service: &Service, parts: &Parts, body: &[u8]) -> Response<ReplyBody> {
    match find(service, parts, body) {
        Ok((canned, event_delay)) => {
            service.ledger.count_canned(canned.tokens);
            let body = if canned.events.is_empty() {
                ReplyBody::whole(canned.whole.clone())
            } else if event_delay.is_zero() {
                // A stream has no length, even if all of it is there.
                ReplyBody::scripted(std::iter::once(Step::Write(canned.whole.clone())))
            } else {
                ReplyBody::scripted(paced(Arc::clone(&canned), event_delay))
            };
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, canned.content_type.clone());
            response
        }
        Err(error) => error.response(),
    }
}

fn find(
    service: &Service,
    parts: &Parts,
    body: &[u8],
) -> Result<(Arc<Canned>, Duration), ApiError> {
    service.guard.check(parts)?;
    let query = parts.uri.query().unwrap_or_default();
    let target = route::parse(&parts.method, parts.uri.path(), query);
    let Some(Target::Create {
        operation,
        deployment,
    }) = target
    else {
        return Err(ApiError::NotFound);
    };
    let script = Script::parse(&parts.headers, &service.name).map_err(ApiError::invalid)?;
    let light: Light<'_> =
        serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()))?;
    let model = light.model.map(Cow::into_owned);
    let deployment = deployment
        .or(model)
        .ok_or_else(|| ApiError::invalid("you must provide a model parameter"))?;
    let deployments = service.deployments();
    let known = deployments
        .get(&deployment)
        .ok_or(ApiError::DeploymentNotFound)?;
    let key = Key {
        operation,
        deployment,
        stream: light.stream && operation != Operation::Embeddings,
        include_usage: light
            .stream_options
            .is_some_and(|options| options.include_usage),
        output_tokens: script.output_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS),
    };
    Ok((service.canned.get(key, &known.model), script.event_delay))
}

fn paced(canned: Arc<Canned>, event_delay: Duration) -> impl Iterator<Item = Step> {
    let count = canned.events.len();
    (0..count).flat_map(move |index| {
        let event = canned.events.get(index).cloned().unwrap_or_default();
        [Step::Wait(event_delay), Step::Write(event)]
    })
}

fn render(key: &Key, model: &str) -> Canned {
    let prompt = Prompt {
        tokens: PROMPT_TOKENS,
        topic: "a canned answer".to_owned(),
    };
    if key.operation == Operation::Embeddings {
        let tokens = Tokens {
            prompt: PROMPT_TOKENS,
            ..Tokens::default()
        };
        let body = json!({"input": prompt.topic, "dimensions": DIMENSIONS});
        return of_json(tokens, embeddings::json(&body, model, tokens, true));
    }
    let script = Script {
        output_tokens: Some(key.output_tokens),
        ..Script::default()
    };
    let speaker = Speaker {
        operation: key.operation,
        deployment: &key.deployment,
        model,
        reasons: false,
    };
    let body = json!({"stream_options": {"include_usage": key.include_usage}, "store": false});
    let turn = Turn::new(speaker, body, &prompt, &script);
    let store = ResponseStore::default();
    match (key.operation, key.stream) {
        (Operation::Completions, true) => of_stream(turn.tokens, &completions::plan(&turn)),
        (Operation::Completions, false) => of_json(turn.tokens, completions::json(&turn)),
        (Operation::Responses, true) => {
            of_stream(turn.tokens, &responses::stream::plan(&turn, &store))
        }
        (Operation::Responses, false) => of_json(turn.tokens, responses::json(&turn, &store)),
        (_, true) => of_stream(turn.tokens, &chat::plan(&turn)),
        (_, false) => of_json(turn.tokens, chat::json(&turn)),
    }
}

fn of_json(tokens: Tokens, body: String) -> Canned {
    Canned {
        tokens,
        content_type: HeaderValue::from_static("application/json"),
        whole: body.into(),
        events: Vec::new(),
    }
}

fn of_stream(tokens: Tokens, plan: &Plan) -> Canned {
    let rendered = plan
        .beats
        .iter()
        .map(|beat| Bytes::from(beat.event.render(LineEnding::Lf)));
    let events: Vec<Bytes> = rendered.collect();
    Canned {
        tokens,
        content_type: HeaderValue::from_static("text/event-stream; charset=utf-8"),
        whole: events.concat().into(),
        events,
    }
}
