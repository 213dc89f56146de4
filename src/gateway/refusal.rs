//! An answer that the gateway gives itself: a reason, and what it is about.
//!
//! The body has the shape of OpenAI's errors
//! (<https://platform.openai.com/docs/guides/error-codes/api-errors>), so that the SDKs raise their
//! proper exceptions.

mod access;
mod answer;
mod auth;
mod limits;
mod reason;

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::access::PathError;
use crate::auth::AuthError;
use crate::limits::RateLimits;

pub(crate) use reason::Reason;

/// A refusal. What the request was is in its context: [`RequestContext`](crate::telemetry::RequestContext).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    message: Cow<'static, str>,
    /// The product that came nearest to allowing it, for the audit log.
    pub(crate) product: Option<Arc<str>>,
    /// What is told of a limit that is reached.
    limit: Option<Box<ReachedLimit>>,
}

/// What is told of a limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReachedLimit {
    /// When to try again, where that is known.
    retry_after: Option<Duration>,
    /// What is left of the caller's own limits.
    rate_limits: RateLimits,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

impl Refusal {
    /// A reason whose words say what the refusal is about.
    pub(crate) fn about(reason: Reason, what: impl Display) -> Self {
        let words = reason.answer().words;
        Self {
            reason,
            message: Cow::Owned(words.replacen(answer::ABOUT, &what.to_string(), 1)),
            product: None,
            limit: None,
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.reason.answer().status
    }

    /// `www-authenticate`
    pub(crate) fn challenge(&self) -> Option<&'static str> {
        self.reason.answer().challenge
    }

    /// When to try again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let of_reason = self.reason.answer().retry_after_s;
        let of_reason = of_reason.map(|seconds| Duration::from_secs(seconds.into()));
        let of_limit = self.limit.as_ref().and_then(|limit| limit.retry_after);
        of_limit.or(of_reason)
    }

    /// A reason that is over after a time.
    pub(crate) fn retrying_in(reason: Reason, time: Duration) -> Self {
        Self {
            limit: Some(Box::new(ReachedLimit {
                retry_after: Some(time),
                rate_limits: RateLimits::default(),
            })),
            ..reason.into()
        }
    }

    /// What the caller is told of its limits.
    pub(crate) fn rate_limits(&self) -> RateLimits {
        self.limit
            .as_ref()
            .map_or_else(RateLimits::default, |limit| limit.rate_limits)
    }

    /// What the caller reads.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What the proxy's access log says of the answer.
    pub(crate) fn details(&self) -> String {
        format!("tollgate_{}", self.reason)
    }

    /// The JSON body.
    pub(crate) fn body(&self) -> String {
        let answer = self.reason.answer();
        let body = Body {
            error: Error {
                message: &self.message,
                kind: answer.kind(),
                param: None,
                code: answer.code,
            },
        };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        let words = reason.answer().words;
        debug_assert!(!words.contains(answer::ABOUT), "{reason} is about nothing");
        Self {
            reason,
            message: Cow::Borrowed(words),
            product: None,
            limit: None,
        }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Reason::from(error).into()
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Reason::from(error).into()
    }
}

#[cfg(test)]
mod tests;
