//! The deployments of the fake, and their limits: Azure's count of tokens and requests per minute.
//!
//! As Azure does, a request is weighed before it runs, by its prompt and what it may generate, and
//! what has been counted is forgotten when the minute is over:
//! <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota#understanding-rate-limits>.

use super::route::Operation;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Limits count within this time.
const WINDOW: Duration = Duration::from_secs(60);

/// What Azure reckons for a request that sets no maximum.
pub const DEFAULT_OUTPUT_ESTIMATE: u64 = 16;

/// The deployments by name.
pub type Deployments = BTreeMap<String, Deployment>;

/// One deployment of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The model and its version, as answers tell it.
    pub model: String,
    /// Tokens per minute; none for no limit.
    #[serde(default)]
    pub tokens_per_minute: Option<u64>,
    /// Requests per minute; none for no limit.
    #[serde(default)]
    pub requests_per_minute: Option<u64>,
    /// Provisioned throughput (PTU): its utilization is told, and its 429 has `retry-after-ms`.
    #[serde(default)]
    pub provisioned: bool,
    /// Serves what is over the limit.
    #[serde(default)]
    pub spillover: Option<String>,
}

impl Deployment {
    /// A deployment without limits.
    pub fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            tokens_per_minute: None,
            requests_per_minute: None,
            provisioned: false,
            spillover: None,
        }
    }

    /// Whether the model thinks before it speaks.
    pub fn reasons(&self) -> bool {
        ["o1", "o3", "o4", "gpt-5"]
            .iter()
            .any(|family| self.model.starts_with(family))
    }

    /// Whether the model can do `operation`.
    pub fn supports(&self, operation: Operation) -> bool {
        let is = |words: &[&str]| words.iter().any(|word| self.model.contains(word));
        let (embeds, instructs) = (is(&["embedding"]), is(&["instruct"]));
        let (draws, speaks) = (is(&["image", "dall"]), is(&["tts"]));
        let hears = is(&["whisper", "transcribe"]);
        match operation {
            Operation::Embeddings => embeds,
            Operation::Completions => instructs,
            Operation::Chat
            | Operation::Responses
            | Operation::InputTokens
            | Operation::Compact => ![embeds, instructs, draws, speaks, hears].contains(&true),
            Operation::ImagesGenerations | Operation::ImagesEdits => draws,
            Operation::Transcriptions | Operation::Translations => hears,
            Operation::Speech => speaks,
        }
    }
}

/// The deployments a fake starts with.
pub fn default_deployments() -> Deployments {
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("o4-mini", "o4-mini-2025-04-16"),
        ("gpt-35-turbo-instruct", "gpt-35-turbo-instruct"),
        ("text-embedding-3-large", "text-embedding-3-large"),
        ("gpt-image-1", "gpt-image-1"),
        ("dall-e-3", "dall-e-3"),
        ("whisper", "whisper-001"),
        ("gpt-4o-transcribe", "gpt-4o-transcribe"),
        ("tts", "tts-1"),
        ("gpt-4o-mini-tts", "gpt-4o-mini-tts"),
        ("gpt-realtime", "gpt-realtime"),
    ]
    .into_iter()
    .map(|(name, model)| (name.to_owned(), Deployment::new(model)))
    .collect()
}

/// Which limit a request is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// Requests per minute.
    Requests,
    /// Tokens per minute.
    Tokens,
}

/// What is left of a deployment's limits; -1 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// `x-ratelimit-remaining-requests`
    pub requests: i64,
    /// `x-ratelimit-remaining-tokens`
    pub tokens: i64,
}

/// A refusal by the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Which limit.
    pub exceeded: Exceeded,
    /// How long until the count starts anew.
    pub retry_after: Duration,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    requests: u64,
    tokens: u64,
}

/// What each deployment has served in its minute.
#[derive(Debug, Default)]
pub struct Limiter(Mutex<HashMap<String, Window>>);

impl Limiter {
    /// Counts a request of so many tokens that arrives `now`, or refuses it.
    pub fn admit(
        &self,
        name: &str,
        deployment: &Deployment,
        tokens: u64,
        now: Instant,
    ) -> Result<Remaining, Throttle> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(name.to_owned()).or_insert(Window {
            since: now,
            requests: 0,
            tokens: 0,
        });
        if now - window.since >= WINDOW {
            *window = Window {
                since: now,
                requests: 0,
                tokens: 0,
            };
        }
        let is_over = |limit: Option<u64>, used| limit.is_some_and(|limit| used >= limit);
        let exceeded = if is_over(deployment.requests_per_minute, window.requests) {
            Some(Exceeded::Requests)
        } else if is_over(deployment.tokens_per_minute, window.tokens) {
            Some(Exceeded::Tokens)
        } else {
            None
        };
        if let Some(exceeded) = exceeded {
            let retry_after = WINDOW - (now - window.since);
            return Err(Throttle {
                exceeded,
                retry_after,
            });
        }
        window.requests += 1;
        window.tokens += tokens;
        Ok(Remaining {
            requests: left(deployment.requests_per_minute, window.requests),
            tokens: left(deployment.tokens_per_minute, window.tokens),
        })
    }

    /// Forgets what was counted.
    pub fn clear(&self) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.clear();
    }
}

fn left(limit: Option<u64>, used: u64) -> i64 {
    limit.map_or(-1, |limit| {
        i64::try_from(limit.saturating_sub(used)).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deployment with limits, and a clock that the test turns.
    struct Clocked {
        limiter: Limiter,
        deployment: Deployment,
        start: Instant,
    }

    impl Clocked {
        fn new(limit: impl FnOnce(&mut Deployment)) -> Self {
            let mut deployment = Deployment::new("gpt-4o-2024-08-06");
            limit(&mut deployment);
            Self {
                limiter: Limiter::default(),
                deployment,
                start: Instant::now(),
            }
        }

        fn admit(&self, name: &str, tokens: u64, second: u64) -> Result<Remaining, Throttle> {
            let now = self.start + Duration::from_secs(second);
            self.limiter.admit(name, &self.deployment, tokens, now)
        }
    }

    #[test]
    fn a_minute_of_tokens_is_refused_until_it_is_over() {
        let clocked = Clocked::new(|deployment| deployment.tokens_per_minute = Some(100));
        let first = clocked.admit("gpt-4o", 60, 0).expect("60 of 100");
        assert_eq!((first.requests, first.tokens), (-1, 40));
        // Azure lets the request pass that crosses the limit.
        clocked.admit("gpt-4o", 60, 0).expect("still open");
        let refused = clocked.admit("gpt-4o", 1, 22).expect_err("over the limit");
        assert_eq!(refused.exceeded, Exceeded::Tokens);
        assert_eq!(refused.retry_after, Duration::from_secs(38));
        clocked.admit("other", 1, 22).expect("another's minute");
        clocked.admit("gpt-4o", 1, 60).expect("a new minute");
    }

    #[test]
    fn requests_are_limited_too() {
        let clocked = Clocked::new(|deployment| deployment.requests_per_minute = Some(1));
        clocked.admit("gpt-4o", 1, 0).expect("the first of one");
        let refused = clocked.admit("gpt-4o", 1, 0).expect_err("the second");
        assert_eq!(refused.exceeded, Exceeded::Requests);
    }
}
